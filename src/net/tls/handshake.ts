import type { TlsInfo } from "./tls-info.ts";
import type { PeerFault } from "./verify-peer.ts";

/** Who counts handshakes and their faults: `ssl.*` of a listener or a cluster. */
export interface HandshakeStats {
  /** One of them for a handshake: a peer that is refused is no connection_error. */
  count(name: PeerFault["counter"] | "connection_error"): void;
  /** `hasPeer`: as the caller knows it; to ask costs a parsed certificate. */
  onHandshake(info: TlsInfo, isResumed: boolean, hasPeer: boolean): void;
}
