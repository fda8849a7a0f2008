import type { Server } from "node:net";
import type { Http1Options } from "../http/h1/options.ts";
import { ServerExchanges } from "../http/h1/server-exchange.ts";
import { type AcceptedHandle, listen } from "../net/listen.ts";
import type { StatsSlab } from "../observability/stats.ts";
import type { ConnectionOwner } from "./connection.ts";
import { HttpConnection } from "./connection.ts";
import type { Hcm } from "./hcm.ts";
import type { ListenerSpec } from "./spec.ts";

/** A listener in one worker: its socket, and the connections that came by it. */
export class Listener implements ConnectionOwner {
  readonly spec: ListenerSpec;
  isDraining = false;
  readonly #stats: ListenerStats;
  readonly #connections = new Set<HttpConnection>();
  #hcm: Hcm;
  #exchanges: ServerExchanges;
  #server: Server | null = null;

  constructor(spec: ListenerSpec, hcm: Hcm, http1: Http1Options, slab: StatsSlab) {
    this.spec = spec;
    this.#hcm = hcm;
    this.#exchanges = new ServerExchanges(http1);
    this.#stats = new ListenerStats(slab, spec.statName);
  }

  get activeConnections(): number {
    return this.#connections.size;
  }

  /** Opens the socket; `port` is the one the system chose where the config says 0. */
  async open(port: number): Promise<number> {
    const address = { ...this.spec.address, port: port || this.spec.address.port };
    this.#server = await listen(
      address,
      { backlog: this.spec.backlog, reusePort: address.path === null, ipv6Only: false },
      (handle) => this.#accept(handle),
    );
    const bound = this.#server.address();
    return typeof bound === "object" && bound !== null ? bound.port : 0;
  }

  /** New connections come under `hcm`; those that are open finish under the old one. */
  replace(hcm: Hcm, http1: Http1Options): void {
    this.#hcm = hcm;
    this.#exchanges = new ServerExchanges(http1);
  }

  /** No more keep-alive: connections close when they are idle, busy ones after their response. Accepting goes on until close(). */
  drain(): void {
    this.isDraining = true;
    for (const connection of this.#connections) connection.drain();
  }

  /** Accepts what waits in the queue, then closes the socket: a plain close would reset it. */
  close(): void {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    setImmediate(() => setImmediate(() => server.close()));
  }

  destroyConnections(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  onConnectionEnd(connection: HttpConnection): void {
    this.#connections.delete(connection);
    this.#stats.onEnd();
  }

  #accept(handle: AcceptedHandle): void {
    this.#stats.onBegin();
    const connection = new HttpConnection(this, this.#hcm, this.#exchanges, handle, nextConnectionId++);
    this.#connections.add(connection);
  }
}

class ListenerStats {
  readonly #values: Float64Array;
  readonly #total: number;
  readonly #active: number;
  readonly #destroy: number;

  constructor(slab: StatsSlab, name: string) {
    this.#values = slab.values;
    this.#total = slab.counter(`listener.${name}.downstream_cx_total`);
    this.#active = slab.gauge(`listener.${name}.downstream_cx_active`);
    this.#destroy = slab.counter(`listener.${name}.downstream_cx_destroy`);
    for (const counter of [
      "downstream_cx_overflow",
      "downstream_cx_overload_reject",
      "downstream_pre_cx_timeout",
      "no_filter_chain_match",
      "connections_accepted_per_socket_event",
    ]) {
      slab.counter(`listener.${name}.${counter}`);
    }
    slab.gauge(`listener.${name}.downstream_pre_cx_active`);
  }

  onBegin(): void {
    this.#values[this.#total]++;
    this.#values[this.#active]++;
  }

  onEnd(): void {
    this.#values[this.#active]--;
    this.#values[this.#destroy]++;
  }
}

let nextConnectionId = 0;
