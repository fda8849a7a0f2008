import type { TLSSocket } from "node:tls";
import { eventClock } from "../net/event-clock.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { Roster } from "../net/roster.ts";
import { handshakeTimeoutMs, type InspectedSocket } from "../net/tls/accept.ts";
import { unbegunTls } from "../net/tls/accepted-tls.ts";
import type { ClientHello } from "../net/tls/client-hello.ts";
import { isTlsFailure, reasonFailure, secretsNotReady, tlsFailureText } from "../net/tls/failure-text.ts";
import type { FirstRecordFault } from "../net/tls/first-records.ts";
import type { ServerTls } from "../net/tls/secure-context.ts";
import { TlsInfo } from "../net/tls/tls-info.ts";
import { isSuffered, isVerifying, noCertificate, type PeerFault, verifyPeer } from "../net/tls/verify-peer.ts";
import type { SslStats } from "../observability/ssl-stats.ts";
import { type LinkedChain, plainTlsInspector } from "./linked-chain.ts";

/** Who has the connections whose handshakes come to an end. */
export interface HandshakeOwner {
  onSecure(chain: LinkedChain, inspected: InspectedSocket, tls: TlsInfo): void;
  /** It is closed, or will be. `socket`: what is known of TLS; null where there was none. `reason`: Envoy's transport failure reason. */
  onInsecure(chain: LinkedChain, inspected: InspectedSocket, socket: TLSSocket | null, reason: string): void;
}

/** The handshakes of a listener. */
export class Handshakes {
  readonly #ssl: SslStats;
  /** Those that have said nothing yet. */
  readonly #waiting: Roster<InspectedSocket>;
  readonly #owner: HandshakeOwner;

  constructor(ssl: SslStats, waiting: Roster<InspectedSocket>, owner: HandshakeOwner) {
    this.#ssl = ssl;
    this.#waiting = waiting;
    this.#owner = owner;
  }

  /** Of a connection whose chain has TLS. */
  begin(chain: LinkedChain, inspected: InspectedSocket, proxied: ProxiedAddresses | null): void {
    const { hello } = inspected.inspection;
    if (hello === null) this.#awaitHello(chain, inspected, proxied);
    else this.#secure(chain, inspected, hello, proxied);
  }

  /** The chain was chosen without a look at how TLS begins. */
  #awaitHello(chain: LinkedChain, inspected: InspectedSocket, proxied: ProxiedAddresses | null): void {
    const fail = (reason: string) => {
      const socket = chain.tls === null ? null : unbegunTls(chain.tls.firstContext);
      this.#owner.onInsecure(chain, inspected, socket, reason);
    };
    const onInspectionFailed = () => {
      this.#waiting.delete(inspected);
      fail(tlsFailureText(inspected.error));
    };
    const onInspected = () => {
      this.#waiting.delete(inspected);
      const { hello, helloFault } = inspected.inspection;
      if (hello !== null) {
        this.#secure(chain, inspected, hello, proxied);
        return;
      }
      const { reason, alert } = helloFault as FirstRecordFault;
      if (reason !== "") this.#ssl.count("connection_error");
      inspected.refuseHandshake(alert);
      fail(reasonFailure(reason));
    };
    this.#waiting.add(inspected);
    inspected.lookOn({ onInspected, onInspectionFailed }, plainTlsInspector, handshakeTimeoutMs);
  }

  #secure(chain: LinkedChain, inspected: InspectedSocket, hello: ClientHello, proxied: ProxiedAddresses | null): void {
    const { tls } = chain;
    if (tls === null) {
      this.#ssl.onSecretsNotReady();
      inspected.destroy();
      this.#owner.onInsecure(chain, inspected, null, secretsNotReady);
      return;
    }
    const now = Date.now();
    const certificate = tls.certificateFor(hello, now);
    const stapling = certificate.stapling(hello, now);
    this.#ssl.onStapling(stapling);
    if (stapling === "failed") {
      this.#ssl.count("connection_error");
      inspected.refuseHandshake(handshakeFailure);
      this.#owner.onInsecure(chain, inspected, unbegunTls(certificate.context), reasonFailure("OCSP_CB_ERROR"));
      return;
    }
    inspected.secure(
      tls,
      hello,
      certificate,
      stapling === "stapled",
      (socket) => this.#onSecure(chain, tls, socket, inspected),
      (socket) => {
        if (isTlsFailure(inspected.error)) this.#ssl.count("connection_error");
        this.#owner.onInsecure(chain, inspected, socket, tlsFailureText(inspected.error));
      },
    );
    tls.keyLog?.watch(inspected.socket, proxied);
    inspected.deliver();
  }

  #onSecure(chain: LinkedChain, tls: ServerTls, socket: TLSSocket, inspected: InspectedSocket): void {
    const { validation, requireClientCertificate } = tls.spec;
    const peer = tls.requestsCertificate ? socket.getPeerX509Certificate() : undefined;
    let fault: PeerFault | null = null;
    if (validation !== null) fault = verifyPeer(socket, peer, validation, tls.sans, requireClientCertificate);
    else if (requireClientCertificate && peer === undefined) fault = noCertificate;
    if (fault !== null) {
      this.#ssl.count(fault.counter);
      if (!isSuffered(fault, validation)) {
        inspected.socket.destroy();
        this.#owner.onInsecure(chain, inspected, socket, fault.text);
        return;
      }
    }
    const known = (isVerifying(validation) ? peer : undefined) ?? null;
    const hello = inspected.inspection.hello as ClientHello;
    const info = new TlsInfo(socket, hello, known, known !== null && fault === null);
    info.connectionBegin = inspected.start;
    info.handshakeBegin = inspected.handshakeBegin;
    info.handshakeEnd = eventClock.now;
    this.#ssl.onHandshake(info, socket.isSessionReused(), known !== null);
    this.#owner.onSecure(chain, inspected, info);
  }
}

/** TLS's alert. */
const handshakeFailure = 40;
