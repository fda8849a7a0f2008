import type { RequestHead } from "../../http/header-block.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";

/** A request that waits for the virtual host of its host. */
export interface HostWaiter {
  readonly stream: FilterStream;
  /** Of the filter that holds the request. */
  readonly slot: number;
  /** The resource: the route configuration's name, "/", the host. */
  readonly name: string;
}

/** Virtual hosts that are asked for when a request needs them (VHDS). */
export interface OnDemandHosts {
  /** The resource that may hold the virtual host of a request which has none; "" where its routes do not come so. */
  nameOf(stream: FilterStream): string;
  /** Asks for it. Later the waiter's route is chosen anew, and its request goes on. */
  wait(waiter: HostWaiter): void;
  /** The request is gone. */
  leave(waiter: HostWaiter): void;
}

/** Holds requests of a host that has no virtual host until it came. Envoy: OnDemandRouteUpdate. */
export class OnDemandFilter implements Filter {
  readonly #slot: number;
  readonly #hosts: OnDemandHosts;

  constructor(slot: number, deps: { onDemand: OnDemandHosts }) {
    this.#slot = slot;
    this.#hosts = deps.onDemand;
  }

  onRequestHead(stream: FilterStream, _head: RequestHead): HeadersStatus {
    if (stream.route !== null) return HeadersStatus.Continue;
    const name = this.#hosts.nameOf(stream);
    if (name === "") return HeadersStatus.Continue;
    const waiter: HostWaiter = { stream, slot: this.#slot, name };
    stream.scratch[this.#slot] = waiter;
    this.#hosts.wait(waiter);
    return HeadersStatus.StopAllIterationAndWatermark;
  }

  onDestroy(stream: FilterStream): void {
    const waiter = stream.scratch[this.#slot] as HostWaiter | undefined;
    if (waiter !== undefined) this.#hosts.leave(waiter);
  }
}
