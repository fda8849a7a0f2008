import { connect as connectPlain, type NetConnectOpts, type Socket } from "node:net";
import { connect, type SecureContext, type TLSSocket } from "node:tls";
import { coversName } from "./alternative-names.ts";
import { secretsNotReady, tlsFailureText } from "./failure-text.ts";
import type { HandshakeStats } from "./handshake.ts";
import type { KeyLogger } from "./key-log.ts";
import { createClientContext } from "./secure-context.ts";
import type { TlsValidationSpec, UpstreamTlsSpec } from "./spec.ts";
import { TlsInfo } from "./tls-info.ts";
import { isSuffered, type PeerFault, type SanMatcher, verifyPeer } from "./verify-peer.ts";

/** A context's Spec, linked. */
interface Linked {
  spec: UpstreamTlsSpec;
  context: SecureContext;
  sans: readonly SanMatcher[];
  keyLog: KeyLogger | null;
}

/** What one connection asks of TLS besides its context. */
export interface TlsTarget {
  /** Offered where the context has no protocols of its own. */
  alpn: readonly string[];
  /** The host's name, for auto_host_sni; "" for none. */
  hostname: string;
  /** auto_sni: of the request; "" leaves it to the context. */
  serverName: string;
  /** auto_san_validation: what the certificate must be for; "" for what the context says. */
  san: string;
}

/** A client's TLS: for all connections of one context in one worker. */
export class ClientTls {
  readonly #stats: ClientTlsStats;
  /** null while its secrets have not come. */
  #linked: Linked | null = null;
  /** The newest first. */
  #sessions: KeptSession[] = [];

  /** Connections fail before the first update. */
  constructor(stats: ClientTlsStats) {
    this.#stats = stats;
  }

  /** New connections are made by `spec`; those that are open stay as they are. */
  update(spec: UpstreamTlsSpec, sans: readonly SanMatcher[], keyLog: KeyLogger | null): void {
    this.#linked = { spec, context: createClientContext(spec), sans, keyLog };
    this.#sessions = [];
  }

  /**
   * Connects. `onSecure` when the peer is accepted; else the socket is destroyed with an error whose code is what Envoy calls the
   * transport failure reason.
   */
  connect(target: NetConnectOpts | Connected, asked: TlsTarget, onSecure: (info: TlsInfo) => void): Socket {
    const linked = this.#linked;
    if (linked === null) return this.#connectInVain(target);
    const { spec, context } = linked;
    const session = this.#takeSession();
    const servername = asked.serverName || (spec.autoHostSni ? asked.hostname : "") || spec.sni;
    const alpn = spec.alpn.length === 0 ? asked.alpn : spec.alpn;
    const socket = connect({
      ...target,
      secureContext: context,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(servername === "" ? {} : { servername }),
      ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
      ...(session === undefined ? {} : { session }),
    });
    linked.keyLog?.watch(socket, null);
    const onReset = (error: NodeJS.ErrnoException) => {
      // To Envoy a reset within the handshake is TLS's failure.
      if (error.syscall === "read") error.code = tlsFailureText(error.code ?? "");
    };
    socket.on("error", onReset);
    socket.on("session", (ticket: Buffer) => {
      // What was agreed on by another Spec is not resumed by this one.
      if (spec.maxSessionKeys === 0 || this.#linked !== linked) return;
      const kept = { ticket, isSingleUse: socket.getProtocol() === "TLSv1.3" };
      this.#sessions = [kept, ...this.#sessions].slice(0, spec.maxSessionKeys);
    });
    socket.once("secureConnect", () => {
      socket.off("error", onReset);
      const info = new TlsInfo(socket, { serverName: servername, ja3: "", ja4: "" }, undefined, false);
      const fault = faultOf(linked, socket, info, asked.san);
      if (fault !== null) this.#stats.count(fault.counter);
      if (fault === null || isSuffered(fault, spec.validation)) {
        this.#stats.onHandshake(info, socket.isSessionReused(), true);
        onSecure(info);
        return;
      }
      socket.destroy(Object.assign(new Error(fault.counter), { code: fault.text }));
    });
    return socket;
  }

  /** One to resume; undefined for none. */
  #takeSession(): Buffer | undefined {
    const newest = this.#sessions[0];
    if (newest?.isSingleUse === true) this.#sessions.shift();
    return newest?.ticket;
  }

  /** The handshake itself failed. */
  onFailed(): void {
    this.#stats.count("connection_error");
  }

  /** As Envoy's NotReadySslSocket: the peer sees a connection that is closed at once. */
  #connectInVain(target: NetConnectOpts | Connected): Socket {
    const socket = "socket" in target ? target.socket : connectPlain(target);
    const fail = (): void => {
      this.#stats.onSecretsNotReady();
      socket.destroy(Object.assign(new Error(secretsNotReady), { code: secretsNotReady }));
    };
    if ("socket" in target) fail();
    else socket.once("connect", fail);
    return socket;
  }
}

/** RFC 8446 appendix C.4: a ticket of TLS 1.3 is for one connection, or those who watch could tell that two are one client's. */
interface KeptSession {
  ticket: Buffer;
  isSingleUse: boolean;
}

/** A connection that there is already. */
interface Connected {
  socket: Socket;
}

/** Who counts what becomes of a client's connections. */
export interface ClientTlsStats extends HandshakeStats {
  onSecretsNotReady(): void;
}

function faultOf({ spec, sans }: Linked, socket: TLSSocket, info: TlsInfo, asked: string): PeerFault | null {
  const { validation, autoSanValidation } = spec;
  // The request's name stands for the matchers of the config.
  if (asked !== "") return verifyPeer(socket, info.peer, validation ?? noValidation, nameMatchers(asked), true);
  if (validation === null) return null;
  const all = autoSanValidation && info.serverName !== "" ? [...sans, ...nameMatchers(info.serverName)] : sans;
  return verifyPeer(socket, info.peer, validation, all, true);
}

/** A certificate for a name or an address. */
function nameMatchers(name: string): SanMatcher[] {
  return [
    { type: "DNS", oid: "", matches: (value) => coversName(value, name) },
    { type: "URI", oid: "", matches: (value) => value === name },
    { type: "IP_ADDRESS", oid: "", matches: (value) => value === name },
  ];
}

const noValidation: TlsValidationSpec = {
  ca: "",
  caName: "",
  caPath: "",
  crl: "",
  spki: [],
  hashes: [],
  sans: [],
  spiffe: null,
  allowExpired: false,
  acceptUntrusted: false,
};
