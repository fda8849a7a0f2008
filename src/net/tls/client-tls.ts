import { type ConnectionOptions, connect, type SecureContext, type TLSSocket } from "node:tls";
import { type HandshakeStats, handshakeOf } from "./handshake.ts";
import { createClientContext } from "./secure-context.ts";
import type { UpstreamTlsSpec } from "./spec.ts";
import { chainError, type SanMatcher, verifyPeer } from "./verify-peer.ts";

/** A client's TLS, linked: for all connections of one cluster in one worker. */
export class ClientTls {
  readonly #spec: UpstreamTlsSpec;
  readonly #context: SecureContext;
  readonly #sans: readonly SanMatcher[];
  readonly #stats: HandshakeStats;
  /** The newest first. */
  #sessions: Buffer[] = [];

  constructor(spec: UpstreamTlsSpec, sans: readonly SanMatcher[], stats: HandshakeStats) {
    this.#spec = spec;
    this.#context = createClientContext(spec);
    this.#sans = sans;
    this.#stats = stats;
  }

  /**
   * Connects. `onSecure` when the peer is accepted; else the socket is destroyed with an error whose code is what Envoy calls the
   * transport failure reason.
   */
  connect(target: ConnectionOptions, hostname: string, onSecure: () => void): TLSSocket {
    const spec = this.#spec;
    const session = this.#sessions[0];
    const servername = spec.autoHostSni && hostname !== "" ? hostname : spec.sni;
    const socket = connect({
      ...target,
      secureContext: this.#context,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(servername === "" ? {} : { servername }),
      ...(spec.alpn.length === 0 ? {} : { ALPNProtocols: spec.alpn }),
      ...(session === undefined ? {} : { session }),
    });
    socket.on("session", (ticket: Buffer) => {
      if (spec.maxSessionKeys > 0) this.#sessions = [ticket, ...this.#sessions].slice(0, spec.maxSessionKeys);
    });
    socket.once("secureConnect", () => {
      const fault = this.#faultOf(socket, servername);
      if (fault === null) {
        this.#stats.onHandshake(handshakeOf(socket, true));
        onSecure();
        return;
      }
      this.#stats.count(fault);
      this.#stats.count("connection_error");
      socket.destroy(Object.assign(new Error(fault), { code: verifyFailed }));
    });
    return socket;
  }

  /** The handshake itself failed. */
  onFailed(): void {
    this.#stats.count("connection_error");
  }

  #faultOf(socket: TLSSocket, servername: string): ReturnType<typeof verifyPeer> {
    const { validation, autoSanValidation } = this.#spec;
    if (validation === null) return null;
    const sans =
      autoSanValidation && servername !== ""
        ? [...this.#sans, { type: "DNS" as const, matches: (value: string) => coversName(value, servername) }]
        : this.#sans;
    return verifyPeer(socket.getPeerX509Certificate(), chainError(socket), validation, sans, true);
  }
}

/** What Envoy logs of a handshake that failed, by OpenSSL's name of the reason (`ERR_SSL_WRONG_VERSION_NUMBER`). */
export function tlsFailureText(code: string): string {
  if (!code.startsWith("ERR_SSL_")) return code;
  const name = code.slice("ERR_SSL_".length);
  const number = boringNumbers[name];
  return number === undefined ? `TLS_error:|${name}:TLS_error_end` : failureText(number, name);
}

/** RFC 6125: the name itself, or a wildcard for one label at the front. */
function coversName(pattern: string, name: string): boolean {
  if (pattern.toLowerCase() === name.toLowerCase()) return true;
  const dot = name.indexOf(".");
  return pattern.startsWith("*.") && dot > 0 && pattern.slice(1).toLowerCase() === name.slice(dot).toLowerCase();
}

function failureText(number: number, name: string): string {
  return `TLS_error:|${number}:SSL routines:OPENSSL_internal:${name}:TLS_error_end`;
}

/** BoringSSL's error numbers, which are in Envoy's texts. */
const boringNumbers: Record<string, number> = {
  CERTIFICATE_VERIFY_FAILED: 268435581,
  WRONG_VERSION_NUMBER: 268435703,
  SSLV3_ALERT_HANDSHAKE_FAILURE: 268436496,
  TLSV1_ALERT_PROTOCOL_VERSION: 268436526,
  TLSV1_ALERT_UNKNOWN_CA: 268436504,
};
const verifyFailed = failureText(268435581, "CERTIFICATE_VERIFY_FAILED");
