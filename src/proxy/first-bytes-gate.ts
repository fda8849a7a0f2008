import { admitted } from "../filters/network/api.ts";
import type { NetworkFilters } from "../filters/network/network-filters.ts";
import type { TransportSink } from "../net/transport.ts";
import { StreamInfo } from "../observability/stream-info.ts";
import { describeConnection, type StreamConnection } from "./stream-connection.ts";

/** A connection that network filters look at when its first bytes come. */
export type GatedConnection = TransportSink & StreamConnection & { destroy(): void };

/** Stands between a transport and its connection, which gets no byte before the filters let it pass. */
export class FirstBytesGate implements TransportSink {
  readonly #connection: GatedConnection;
  readonly #filters: NetworkFilters;
  #state: "asking" | "open" | "closed" = "asking";
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: GatedConnection, filters: NetworkFilters) {
    this.#connection = connection;
    this.#filters = filters;
  }

  onConnect(): void {
    this.#connection.onConnect();
  }

  onBytes(bytes: Buffer, length: number): void {
    if (this.#state === "asking") this.#ask();
    if (this.#state === "open") this.#connection.onBytes(bytes, length);
  }

  onEnd(): void {
    this.#connection.onEnd();
  }

  onClose(error: string): void {
    clearTimeout(this.#timer);
    this.#connection.onClose(error);
  }

  onDrain(): void {
    this.#connection.onDrain();
  }

  onFlush(): void {
    this.#connection.onFlush?.();
  }

  #ask(): void {
    const info = new StreamInfo();
    describeConnection(info, this.#connection);
    const delayMs = this.#filters.admitBytes(info);
    this.#state = delayMs === admitted ? "open" : "closed";
    if (delayMs === 0) this.#connection.destroy();
    else if (delayMs > 0) this.#timer = setTimeout(() => this.#connection.destroy(), delayMs);
  }
}
