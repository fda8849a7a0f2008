import type { TLSSocket } from "node:tls";
import type { PeerFault } from "./verify-peer.ts";

/** What a handshake agreed on. */
export interface Handshake {
  /** "TLSv1.3" */
  version: string;
  /** OpenSSL's name. */
  cipher: string;
  isResumed: boolean;
  hasPeerCertificate: boolean;
}

/** Who counts handshakes and their faults: `ssl.*` of a listener or a cluster. */
export interface HandshakeStats {
  count(name: PeerFault | "connection_error"): void;
  onHandshake(handshake: Handshake): void;
}

/** `hasPeerCertificate`: as the caller knows it; to ask costs a parsed certificate. */
export function handshakeOf(socket: TLSSocket, hasPeerCertificate: boolean): Handshake {
  return {
    version: socket.getProtocol() ?? "",
    cipher: socket.getCipher().name,
    isResumed: socket.isSessionReused(),
    hasPeerCertificate,
  };
}
