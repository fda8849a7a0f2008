import type { Socket } from "node:net";
import type { StatsSlab } from "../../observability/stats.ts";
import { HcmStats } from "../../proxy/hcm-stats.ts";
import { ListenerStats } from "../../proxy/listener-stats.ts";
import type { ConnectionCounts } from "../drain.ts";

/** `http.admin.*` and `listener.admin.*`: Envoy's admin interface is a listener with a connection manager, on the main thread. */
export class AdminStats {
  readonly #slab: StatsSlab;
  readonly #listener: ListenerStats;
  readonly #http: HcmStats;
  readonly #threadTotal: number;
  readonly #threadActive: number;
  readonly #lengthMs: number;
  readonly #connections = new WeakMap<Socket, AdminConnection>();

  constructor(slab: StatsSlab) {
    this.#slab = slab;
    this.#listener = new ListenerStats(slab, "admin");
    this.#http = new HcmStats(slab, "admin", "admin", false);
    this.#threadTotal = slab.counter("listener.admin.main_thread.downstream_cx_total");
    this.#threadActive = slab.gauge("listener.admin.main_thread.downstream_cx_active");
    this.#lengthMs = slab.histogram("listener.admin.downstream_cx_length_ms");
    for (const name of neverHere) slab.counter(`listener.admin.${name}`);
  }

  /** Those of the interface. */
  get connections(): ConnectionCounts {
    return { open: this.#slab.values[this.#threadActive] || 0, total: this.#slab.values[this.#threadTotal] || 0 };
  }

  onConnection(socket: Socket): void {
    const connection = new AdminConnection();
    this.#connections.set(socket, connection);
    this.#listener.onBegin();
    this.#http.onRefusedBegin(false);
    this.#slab.values[this.#threadTotal]++;
    this.#slab.values[this.#threadActive]++;
    const onRemoteEnd = () => (connection.isRemoteEnd ||= !connection.isClosing);
    socket.on("end", onRemoteEnd);
    socket.on("error", onRemoteEnd);
    socket.on("close", () => this.#onClose(socket, connection));
  }

  /** Its head came, or what should have been one: one request. */
  onRequest(socket: Socket): AdminRequestStats {
    const connection = this.#connections.get(socket) ?? new AdminConnection();
    connection.active++;
    if (!connection.hasCodec) this.#http.onHttp1();
    connection.hasCodec = true;
    this.#http.onRequestBegin(false);
    this.#countBytes(socket, connection);
    return new AdminRequestStats(this.#http, (isWhole, closes) => {
      connection.active--;
      if (!isWhole) connection.isCut = true;
      if (closes) connection.isClosing = true;
      this.#countBytes(socket, connection);
    });
  }

  /** A request is being answered. */
  isBusy(socket: Socket): boolean {
    return (this.#connections.get(socket)?.active ?? 0) > 0;
  }

  #countBytes(socket: Socket, connection: AdminConnection): void {
    const { bytesRead, bytesWritten } = socket;
    this.#http.onBytes(bytesRead - connection.bytesRead, bytesWritten - connection.bytesWritten);
    connection.bytesRead = bytesRead;
    connection.bytesWritten = bytesWritten;
  }

  #onClose(socket: Socket, connection: AdminConnection): void {
    this.#countBytes(socket, connection);
    const lengthMs = performance.now() - connection.start;
    this.#listener.onEnd();
    const { hasCodec, isCut, active, isRemoteEnd } = connection;
    if (hasCodec) this.#http.onConnectionEnd(lengthMs, !isRemoteEnd, isCut || active > 0, false, false);
    else this.#http.onRefusedEnd(lengthMs, !isRemoteEnd, false);
    this.#slab.record(this.#lengthMs, lengthMs);
    this.#slab.values[this.#threadActive]--;
  }
}

/** One request to the admin interface. */
export class AdminRequestStats {
  readonly #http: HcmStats;
  readonly #onEnd: (isWhole: boolean, closes: boolean) => void;
  readonly #start = performance.now();

  constructor(http: HcmStats, onEnd: (isWhole: boolean, closes: boolean) => void) {
    this.#http = http;
    this.#onEnd = onEnd;
  }

  /** The answer begins: it is in the stats that it shows. */
  onAnswer(status: number): void {
    this.#http.onAnswer(status);
  }

  /** It was no HTTP. */
  onProtocolError(): void {
    this.#http.count("downstream_cx_protocol_error");
    this.#http.count("downstream_rq_response_before_rq_complete");
    this.#http.count("downstream_rq_rx_reset");
  }

  /** `closes`: the connection goes with the answer. */
  onEnd(isWhole: boolean, closes: boolean): void {
    if (!isWhole) this.#http.count("downstream_rq_rx_reset");
    this.#http.onRequestEnd(0, performance.now() - this.#start);
    this.#onEnd(isWhole, closes);
  }
}

class AdminConnection {
  readonly start = performance.now();
  active = 0;
  /** Something was heard of it. */
  hasCodec = false;
  /** The end is ours. */
  isClosing = false;
  isRemoteEnd = false;
  /** It ends in the middle of a request. */
  isCut = false;
  bytesRead = 0;
  bytesWritten = 0;
}

/** Envoy shows them at zero: there are no listener filters and no limits here. */
const neverHere = [
  "downstream_cx_transport_socket_connect_timeout",
  "downstream_global_cx_overflow",
  "downstream_listener_filter_error",
  "downstream_listener_filter_remote_close",
];
