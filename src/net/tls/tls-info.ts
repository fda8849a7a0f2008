import type { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { alternativeNames, coversName } from "./alternative-names.ts";
import { chainOf } from "./chain-fault.ts";
import type { ClientHello } from "./client-hello.ts";

/** An issuer of a peer's certificate, as OpenSSL found it among what was sent and what is trusted. */
export interface IssuerFacts {
  /** Upper-case hex. */
  serialNumber: string;
  /** Upper-case hex with colons. */
  fingerprint256: string;
}

/** What the client's first message said. */
export type Asked = Pick<ClientHello, "serverName" | "ja3" | "ja4">;

/** What is known of an encrypted connection. Certificates are parsed when somebody asks. Envoy: Ssl::ConnectionInfo. */
export class TlsInfo {
  /** "TLSv1.3" */
  version: string;
  /** OpenSSL's name. */
  readonly cipher: string;
  /** What the client asked for by SNI; "" for nothing. */
  readonly serverName: string;
  /** Fingerprints of the client; "" where they are not made. */
  readonly ja3: string;
  readonly ja4: string;
  /** "" where none was agreed on. */
  readonly alpn: string;
  readonly #socket: TLSSocket;
  /** eventClock: when the connection was accepted, the client's first message was there, and the handshake was done; -1 for what was not, and of a client. */
  connectionBegin = -1;
  handshakeBegin = -1;
  handshakeEnd = -1;
  #peer: X509Certificate | null | undefined;
  #own: X509Certificate | undefined;
  /** The host of which the answer is known to be yes. */
  #covered = "";

  /** The peer's certificate was looked at and found good; only a server says so. */
  readonly isPeerValidated: boolean;

  /** `peer`: its certificate where somebody parsed it already; null for one that is told to nobody. */
  constructor(socket: TLSSocket, asked: Asked, peer: X509Certificate | null | undefined, isPeerValidated: boolean) {
    this.#socket = socket;
    this.isPeerValidated = isPeerValidated;
    this.#peer = peer;
    this.serverName = asked.serverName;
    this.ja3 = asked.ja3;
    this.ja4 = asked.ja4;
    this.alpn = socket.alpnProtocol || "";
    this.version = versionOf(socket);
    this.cipher = socket.getCipher()?.name ?? "";
  }

  /** undefined where the peer showed none. */
  get peer(): X509Certificate | undefined {
    if (this.#peer === null) return undefined;
    return (this.#peer ??= this.#socket.getPeerX509Certificate());
  }

  /** Our own; undefined where we showed none. */
  get own(): X509Certificate | undefined {
    return (this.#own ??= this.#socket.getX509Certificate());
  }

  /** Whether our certificate is for a host: a name without a port. */
  covers(host: string): boolean {
    const name = host.toLowerCase();
    if (name === this.#covered) return true;
    const names = this.own === undefined ? [] : alternativeNames(this.own);
    if (!names.some(({ type, value }) => type === "DNS" && coversName(value, name))) return false;
    this.#covered = name;
    return true;
  }

  /** The peer's certificate and those that it sent with it, the leaf first. */
  get chain(): X509Certificate[] {
    return chainOf(this.peer);
  }

  /** null where no issuer of the peer's certificate is known. */
  get issuer(): IssuerFacts | null {
    if (this.#peer === null) return null;
    const peer = this.#socket.getPeerCertificate(true) as DetailedPeerCertificate | null;
    return peer?.issuerCertificate ?? null;
  }

  /** Lower-case hex; "" for none, as in TLS 1.3. */
  get sessionId(): string {
    const session = this.version === "TLSv1.3" ? undefined : this.#socket.getSession();
    return session == null ? "" : sessionIdOf(session);
  }

  /** The group of the key exchange; "" on the side of a server, which Node does not tell. */
  get group(): string {
    const info = this.#socket.getEphemeralKeyInfo() as { name?: string } | null;
    return info?.name ?? "";
  }
}

/** A handshake that fails early has agreed on none; BoringSSL calls that TLS 1.2. */
export const versionAtFirst = "TLSv1.2";

function versionOf(socket: TLSSocket): string {
  const version = socket.getProtocol();
  return version === null || version === "unknown" ? versionAtFirst : version;
}

/** In SSL_SESSION_ASN1 the id follows the version, the protocol and the cipher. Node puts the host in front of a client's. */
function sessionIdOf(session: Buffer): string {
  const at = session.indexOf(sessionHead) + sessionHead.length + 5;
  return session[at] === 4 ? session.subarray(at + 2, at + 2 + (session[at + 1] ?? 0)).toString("hex") : "";
}

/** INTEGER 1, then an INTEGER of two bytes, 0x03.. */
const sessionHead = Buffer.from([2, 1, 1, 2, 2, 3]);
