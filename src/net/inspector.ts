import { type ProxyHeader, readProxyHeader } from "./proxy-protocol.ts";
import { type ClientHello, type Fingerprints, readClientHello } from "./tls/client-hello.ts";
import type { FirstRecordFault } from "./tls/first-records.ts";

/** What the first bytes of a connection told. */
export interface Inspection {
  /** null where no PROXY header stood. */
  proxied: ProxyHeader | null;
  /** null where it does not begin with TLS. */
  hello: ClientHello | null;
  /** Why it does not, where somebody looked. */
  helloFault: FirstRecordFault | null;
  /** "http/1.0", "http/1.1", "h2c"; "" where it begins otherwise, or nobody looked. */
  httpProtocol: string;
}

/** Looks at the first bytes of connections. Envoy: Network::ListenerFilter. */
export interface Inspector {
  /** How many of `bytes` it takes away; "more" when it cannot tell yet, "refuse" to close the connection. */
  inspect(bytes: Buffer, into: Inspection): number | "more" | "refuse";
}

/** envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol, as far as a worker needs it. */
export interface ProxyProtocolSpec {
  /** Connections without a header are taken as they are. */
  allowsNone: boolean;
  /** Versions whose header is refused. */
  disallowed: (1 | 2)[];
  /** Which TLVs an upstream PROXY header may hand on. */
  passedTlvs: "all" | number[];
  statPrefix: string;
}

/** Who counts what a PROXY header was. */
export interface ProxyProtocolStats {
  onHeader(version: 0 | 1 | 2, outcome: "found" | "disallowed" | "error"): void;
}

export class ProxyProtocolInspector implements Inspector {
  readonly #spec: ProxyProtocolSpec;
  readonly #stats: ProxyProtocolStats;

  constructor(spec: ProxyProtocolSpec, stats: ProxyProtocolStats) {
    this.#spec = spec;
    this.#stats = stats;
  }

  inspect(bytes: Buffer, into: Inspection): number | "more" | "refuse" {
    const header = readProxyHeader(bytes);
    if (header === "more") return "more";
    if (header === "none") {
      this.#stats.onHeader(0, this.#spec.allowsNone ? "found" : "disallowed");
      return this.#spec.allowsNone ? 0 : "refuse";
    }
    if (header === "bad") {
      this.#stats.onHeader(bytes[0] === 0x50 ? 1 : 2, "error");
      return "refuse";
    }
    this.#stats.onHeader(header.version, "found");
    if (this.#spec.disallowed.includes(header.version)) {
      this.#stats.onHeader(header.version, "disallowed");
      return "refuse";
    }
    const { addresses } = header;
    const { passedTlvs } = this.#spec;
    if (addresses !== null && passedTlvs !== "all")
      addresses.tlvs = addresses.tlvs.filter(({ type }) => passedTlvs.includes(type));
    into.proxied = header;
    return header.length;
  }
}

/** Envoy: tls_inspector. */
export class TlsInspector implements Inspector {
  readonly #fingerprints: Fingerprints;

  constructor(fingerprints: Fingerprints) {
    this.#fingerprints = fingerprints;
  }

  inspect(bytes: Buffer, into: Inspection): number | "more" {
    const hello = readClientHello(bytes, this.#fingerprints);
    if (hello === "more") return "more";
    if ("reason" in hello) into.helloFault = hello;
    else into.hello = hello;
    return 0;
  }
}

/** Envoy: http_inspector. Of what is not TLS. */
export const httpInspector: Inspector = {
  inspect(bytes, into) {
    if (into.hello !== null) return 0;
    const text = bytes.subarray(0, longestRequestLine).latin1Slice();
    if (preface.startsWith(text.slice(0, preface.length))) {
      if (text.length < preface.length) return "more";
      into.httpProtocol = "h2c";
      return 0;
    }
    const end = text.indexOf("\n");
    if (end < 0) return text.length < longestRequestLine && /^[!-~]*( |$)/.test(text) ? "more" : 0;
    const version = /^[!-~]+ [!-~]+ HTTP\/1\.([01])\r?$/.exec(text.slice(0, end))?.[1];
    if (version !== undefined) into.httpProtocol = version === "0" ? "http/1.0" : "http/1.1";
    return 0;
  },
};

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const longestRequestLine = 8192;
