import type { Refusal } from "../filters/network/api.ts";
import type { NetworkFilters } from "../filters/network/network-filters.ts";
import type { TransportSink } from "../net/transport.ts";
import { StreamInfo } from "../observability/stream-info.ts";
import { describeConnection, type StreamConnection } from "./stream-connection.ts";

/** A connection that network filters look at when bytes of it come. */
export type GatedConnection = TransportSink &
  StreamConnection & {
    /** For the listener's log. */
    terminationDetails: string;
    destroy(closeReason: string): void;
  };

/** Stands between a transport and its connection, which gets no byte before the filters let it pass: the first ones, or all. */
export class BytesGate implements TransportSink {
  readonly #filters: NetworkFilters;
  #connection: GatedConnection;
  #state: "asking" | "open" | "closed" = "asking";
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: GatedConnection, filters: NetworkFilters) {
    this.#connection = connection;
    this.#filters = filters;
  }

  /** Goes on in front of another. */
  handTo(connection: GatedConnection): void {
    this.#connection = connection;
  }

  onConnect(): void {
    this.#connection.onConnect();
  }

  onBytes(bytes: Buffer, length: number): void {
    if (this.#state === "asking") this.#ask(true);
    else if (this.#state === "open" && this.#filters.looksAtAllBytes) this.#ask(false);
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

  #ask(isFirst: boolean): void {
    const info = new StreamInfo();
    describeConnection(info, this.#connection);
    const refusal = this.#filters.admitBytes(info, isFirst);
    this.#state = refusal === null ? "open" : "closed";
    if (refusal !== null) this.#refuse(refusal);
  }

  #refuse({ delayMs, closeReason, details }: Refusal): void {
    this.#connection.terminationDetails = details;
    if (delayMs === 0) this.#connection.destroy(closeReason);
    else this.#timer = setTimeout(() => this.#connection.destroy(closeReason), delayMs);
  }
}
