import type { Refusal } from "../filters/network/api.ts";
import { eventClock } from "../net/event-clock.ts";
import { LazyTimer } from "../net/lazy-timer.ts";
import type { NativeSocket } from "../net/native-socket.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { addressesOfSocket, type ConnectionAddresses } from "./connection-addresses.ts";
import type { ConnectionOwner, DownstreamConnection } from "./connection-owner.ts";
import type { Hcm } from "./hcm.ts";
import { describeAddresses } from "./stream-connection.ts";

/** A connection that a network filter refused: it is held for a while, what it sends is thrown away, and it is closed. */
export class RefusedConnection implements DownstreamConnection {
  place = -1;
  readonly hcm: Hcm;
  readonly #socket: NativeSocket;
  readonly #timer: LazyTimer;
  readonly #start: number;
  readonly addresses: ConnectionAddresses;
  readonly #refusal: Refusal;
  #wasLocalClose = false;
  #closeReason = "";

  constructor(
    owner: ConnectionOwner,
    hcm: Hcm,
    socket: NativeSocket,
    proxied: ProxiedAddresses | null,
    isTls: boolean,
    refusal: Refusal,
  ) {
    this.hcm = hcm;
    this.#socket = socket;
    this.#refusal = refusal;
    this.#timer = new LazyTimer(() => this.destroy(refusal.closeReason));
    this.#start = eventClock.tick();
    this.addresses = addressesOfSocket(socket, proxied);
    hcm.stats.onRefusedBegin(isTls);
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      this.#timer.dispose();
      hcm.stats.onRefusedEnd(eventClock.tick() - this.#start, this.#wasLocalClose, isTls);
      owner.onConnectionEnd(this);
    });
    if (refusal.delayMs === 0) {
      this.destroy(refusal.closeReason);
      return;
    }
    this.#timer.set(this.#start, refusal.delayMs);
    socket.resume();
  }

  drain(): void {}

  describe(info: StreamInfo): void {
    info.start = this.#start;
    describeAddresses(info, this.addresses);
    info.responseFlags = this.#refusal.flags;
    info.connectionTerminationDetails = this.#refusal.details;
    info.downstreamLocalCloseReason = this.#closeReason;
  }

  destroy(closeReason = ""): void {
    this.#closeReason = closeReason;
    this.#wasLocalClose = true;
    this.#socket.destroy();
  }
}
