import type { AcceptedSocket } from "../net/accepted-socket.ts";
import { eventClock } from "../net/event-clock.ts";
import { LazyTimer } from "../net/lazy-timer.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { addressesOfSocket, type ConnectionAddresses } from "./connection-addresses.ts";
import type { ConnectionOwner, DownstreamConnection } from "./connection-owner.ts";
import type { Hcm } from "./hcm.ts";
import { describeAddresses } from "./stream-connection.ts";

/** A connection that a network filter refused: it is held for a while, what it sends is thrown away, and it is closed. */
export class RefusedConnection implements DownstreamConnection {
  readonly hcm: Hcm;
  readonly #socket: AcceptedSocket;
  readonly #timer: LazyTimer;
  readonly #start: number;
  readonly addresses: ConnectionAddresses;
  #wasLocalClose = false;

  constructor(
    owner: ConnectionOwner,
    hcm: Hcm,
    socket: AcceptedSocket,
    proxied: ProxiedAddresses | null,
    isTls: boolean,
    delayMs: number,
  ) {
    this.hcm = hcm;
    this.#socket = socket;
    this.#timer = new LazyTimer(() => this.destroy());
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
    if (delayMs === 0) {
      this.destroy();
      return;
    }
    this.#timer.set(this.#start, delayMs);
    socket.resume();
  }

  drain(): void {}

  describe(info: StreamInfo): void {
    info.start = this.#start;
    describeAddresses(info, this.addresses);
  }

  destroy(): void {
    this.#wasLocalClose = true;
    this.#socket.destroy();
  }
}
