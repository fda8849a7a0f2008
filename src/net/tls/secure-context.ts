import { constants } from "node:crypto";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import type { ClientHello } from "./client-hello.ts";
import type { KeyLogger } from "./key-log.ts";
import { ServerCertificate } from "./server-certificate.ts";
import type { DownstreamTlsSpec, TlsCertificateSpec, TlsParamsSpec, UpstreamTlsSpec } from "./spec.ts";
import { encryptTickets } from "./ticket-keys.ts";
import { isVerifying, type SanMatcher } from "./verify-peer.ts";

/** A server's TLS, linked: one OpenSSL context for each set of certificates with the same names. */
export class ServerTls {
  readonly spec: DownstreamTlsSpec;
  /** Of the client's certificate. */
  readonly sans: readonly SanMatcher[];
  /** null for none. */
  readonly keyLog: KeyLogger | null;
  readonly #alpn: { protocol: string; wire: Buffer }[];
  readonly #default: readonly ServerCertificate[];
  readonly #exact = new Map<string, readonly ServerCertificate[]>();
  readonly #wildcards = new Map<string, readonly ServerCertificate[]>();

  constructor(spec: DownstreamTlsSpec, sans: readonly SanMatcher[], keyLog: KeyLogger | null) {
    this.spec = spec;
    this.keyLog = keyLog;
    this.sans = sans;
    this.#alpn = spec.alpn.map((protocol) => ({ protocol, wire: alpnWire(protocol) }));
    const groups = groupByNames(spec.certificates);
    const linked = groups.map((group) => linkGroup(spec, group));
    this.#default = linked[0] as ServerCertificate[];
    for (const [i, group] of groups.entries()) {
      for (const name of group[0]?.names ?? []) {
        const map = name.startsWith("*.") ? this.#wildcards : this.#exact;
        const key = name.startsWith("*.") ? name.slice(1) : name;
        if (!map.has(key)) map.set(key, linked[i] as ServerCertificate[]);
      }
    }
  }

  /** Of the certificate that those are shown who ask for none of ours. */
  get firstContext(): SecureContext {
    return (this.#default[0] as ServerCertificate).context;
  }

  /** What a client is shown. `nowMs`: wall clock. Envoy: DefaultTlsCertificateSelector. */
  certificateFor(hello: ClientHello, nowMs: number): ServerCertificate {
    const candidates = this.#named(hello.serverName);
    const first = candidates[0] as ServerCertificate;
    if (candidates.length === 1) return first;
    const wanted = candidates.filter((candidate) => candidate.isEcdsa === hello.isEcdsaCapable);
    const usable = (candidate: ServerCertificate): boolean => candidate.stapling(hello, nowMs) !== "failed";
    return wanted.find(usable) ?? candidates.find(usable) ?? wanted[0] ?? first;
  }

  /** Envoy's order: the exact name, a wildcard of one label, the first certificate. */
  #named(serverName: string): readonly ServerCertificate[] {
    const exact = this.#exact.get(serverName);
    if (exact !== undefined) return exact;
    const dot = serverName.indexOf(".");
    return (dot > 0 ? this.#wildcards.get(serverName.slice(dot)) : undefined) ?? this.#default;
  }

  /** The first protocol of ours that the client offers, in the form of the extension; null for none: then none is spoken of, as Envoy. */
  alpnFor(offered: readonly string[]): Buffer | null {
    return this.#alpn.find(({ protocol }) => offered.includes(protocol))?.wire ?? null;
  }

  get requestsCertificate(): boolean {
    return this.spec.requireClientCertificate || isVerifying(this.spec.validation);
  }
}

/** One protocol in the form of the extension (RFC 7301 section 3.1). */
function alpnWire(protocol: string): Buffer {
  return Buffer.concat([Buffer.from([protocol.length]), Buffer.from(protocol, "latin1")]);
}

/** A client's OpenSSL context. */
export function createClientContext(spec: UpstreamTlsSpec): SecureContext {
  return createSecureContext({ ...common(spec.params), ...identity(spec.certificates), ...trust(spec) });
}

function createServerContext(spec: DownstreamTlsSpec, certificates: TlsCertificateSpec[]): SecureContext {
  // No second handshake on a connection of TLS 1.2: BoringSSL never renegotiates as a server, and one costs us far more than the client.
  let secureOptions = constants.SSL_OP_CIPHER_SERVER_PREFERENCE | constants.SSL_OP_NO_RENEGOTIATION;
  if (spec.ticketKey === null) secureOptions |= constants.SSL_OP_NO_TICKET;
  const context = createSecureContext({
    ...common(spec.params),
    ...identity(certificates),
    ...trust(spec),
    secureOptions,
    sessionIdContext: "nuncio",
    sessionTimeout: spec.sessionTimeoutS,
  });
  if (spec.ticketKey !== null) encryptTickets(context, [spec.ticketKey, ...spec.olderTicketKeys]);
  return context;
}

function common(params: TlsParamsSpec): SecureContextOptions {
  return {
    minVersion: params.minVersion,
    maxVersion: params.maxVersion,
    // Without names of TLS 1.3 Node would turn that version off.
    ciphers: `${tls13Ciphers}:${params.ciphers}`,
    ecdhCurve: params.curves,
    ...(params.signatureAlgorithms === "" ? {} : { sigalgs: params.signatureAlgorithms }),
  };
}

function identity(certificates: readonly TlsCertificateSpec[]): SecureContextOptions {
  if (certificates.length === 0) return {};
  const pems = certificates.filter(({ pkcs12 }) => pkcs12 === "");
  const bundles = certificates.filter(({ pkcs12 }) => pkcs12 !== "");
  return {
    ...(pems.length === 0
      ? {}
      : {
          cert: pems.map((certificate) => certificate.chain),
          key: pems.map(({ key, password }) => ({ pem: key, ...(password === "" ? {} : { passphrase: password }) })),
        }),
    ...(bundles.length === 0
      ? {}
      : { pfx: bundles.map(({ pkcs12, password }) => ({ buf: Buffer.from(pkcs12, "base64"), passphrase: password })) }),
  };
}

/** An empty list of authorities: the system's are not Envoy's to trust. */
function trust({ validation }: { validation: DownstreamTlsSpec["validation"] }): SecureContextOptions {
  if (validation === null) return {};
  return {
    ca: validation.ca === "" ? [] : [validation.ca],
    ...(validation.crl === "" ? {} : { crl: validation.crl }),
  };
}

/** Those of one group share a context, so that OpenSSL chooses by the client's algorithms, unless it matters which one it is. */
function linkGroup(spec: DownstreamTlsSpec, group: TlsCertificateSpec[]): ServerCertificate[] {
  const isStapled = group.some(({ ocspResponse, isMustStaple }) => ocspResponse !== "" || isMustStaple);
  const parts = isStapled ? group.map((certificate) => [certificate]) : [group];
  return parts.map((part) => {
    const context = createServerContext(spec, part);
    return new ServerCertificate(context, part[0] as TlsCertificateSpec, spec.ocspStaplePolicy);
  });
}

/** Certificates of the same names: RSA and ECDSA. */
function groupByNames(certificates: readonly TlsCertificateSpec[]): TlsCertificateSpec[][] {
  const groups = new Map<string, TlsCertificateSpec[]>();
  for (const certificate of certificates) {
    const key = [...certificate.names].sort().join(",");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [certificate]);
    else group.push(certificate);
  }
  return [...groups.values()];
}

const tls13Ciphers = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
