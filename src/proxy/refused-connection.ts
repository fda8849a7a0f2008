import type { Socket } from "node:net";
import { eventClock } from "../net/event-clock.ts";
import { LazyTimer } from "../net/lazy-timer.ts";
import type { ConnectionOwner, DownstreamConnection } from "./connection-owner.ts";
import type { Hcm } from "./hcm.ts";

/** A connection that a network filter refused: it is held for a while, what it sends is thrown away, and it is closed. */
export class RefusedConnection implements DownstreamConnection {
  readonly hcm: Hcm;
  readonly #socket: Socket;
  readonly #timer: LazyTimer;
  #wasLocalClose = false;

  constructor(owner: ConnectionOwner, hcm: Hcm, socket: Socket, isTls: boolean, delayMs: number) {
    this.hcm = hcm;
    this.#socket = socket;
    this.#timer = new LazyTimer(() => this.destroy());
    const start = eventClock.tick();
    hcm.stats.onRefusedBegin(isTls);
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      this.#timer.dispose();
      hcm.stats.onRefusedEnd(eventClock.tick() - start, this.#wasLocalClose, isTls);
      owner.onConnectionEnd(this);
    });
    if (delayMs === 0) {
      this.destroy();
      return;
    }
    this.#timer.set(start, delayMs);
    socket.resume();
  }

  drain(): void {}

  destroy(): void {
    this.#wasLocalClose = true;
    this.#socket.destroy();
  }
}
