import { laterIfAlive } from "../../net/weak-timer.ts";
import type { StatsSlab } from "../../observability/stats.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import { HttpFetch } from "../../upstream/http-fetch.ts";
import { type Keys, readJwks } from "./keys.ts";
import type { JwtProviderSpec, RemoteJwksSpec } from "./spec.ts";

/** Hears once whether there are keys; null where they could not be fetched. */
export interface KeyWaiter {
  onKeys(keys: Keys | null): void;
}

/** The keys of one provider in one worker: at hand, or fetched for all who wait together. Envoy: JwksData, JwksFetcher, JwksAsyncFetcher. */
export class KeySource {
  readonly #remote: RemoteJwksSpec | null;
  readonly #clusters: (name: string) => Cluster | null;
  readonly #slab: StatsSlab;
  readonly #success: number;
  readonly #failed: number;
  /** null before there are any. */
  #keys: Keys | null = null;
  /** Monotonic milliseconds. */
  #freshUntil = Infinity;
  #isFetching = false;
  readonly #waiters = new Set<KeyWaiter>();

  /** `prefix` of the stats. */
  constructor(spec: JwtProviderSpec, clusters: (name: string) => Cluster | null, slab: StatsSlab, prefix: string) {
    this.#remote = spec.remote;
    this.#clusters = clusters;
    this.#slab = slab;
    this.#success = slab.counter(`${prefix}jwks_fetch_success`);
    this.#failed = slab.counter(`${prefix}jwks_fetch_failed`);
    if (spec.localJwks !== null) this.#keys = orNull(readJwks(spec.localJwks));
    if (spec.remote !== null && spec.remote.failedRefetchMs !== null) setImmediate(() => this.#fetchNow(0));
  }

  get isRemote(): boolean {
    return this.#remote !== null;
  }

  /** null: there are none, or they are too old to use. */
  get keys(): Keys | null {
    return performance.now() < this.#freshUntil ? this.#keys : null;
  }

  /** For the keys of a remote set that are not at hand. */
  wait(waiter: KeyWaiter): void {
    this.#waiters.add(waiter);
    if (!this.#isFetching) this.#fetchNow(0);
  }

  leave(waiter: KeyWaiter): void {
    this.#waiters.delete(waiter);
  }

  #fetchNow(attempt: number): void {
    const remote = this.#remote;
    if (remote === null) return;
    this.#isFetching = true;
    const cluster = this.#clusters(remote.cluster);
    if (cluster === null) {
      this.#onFailed(remote, attempt);
      return;
    }
    const { path, timeoutMs, authority } = remote;
    const request = { cluster, method: "GET", path, authority, headers: [], body: empty, timeoutMs, isOwn: true };
    new HttpFetch(request, {
      onAnswer: (status, body) => {
        const keys = status === 200 ? orNull(readJwks(body.toString())) : null;
        if (keys === null) this.#onFailed(remote, attempt);
        else this.#onKeys(remote, keys);
      },
      onFailure: () => this.#onFailed(remote, attempt),
    });
  }

  #onKeys(remote: RemoteJwksSpec, keys: Keys): void {
    this.#slab.values[this.#success]++;
    this.#keys = keys;
    this.#freshUntil = performance.now() + remote.cacheMs;
    // Envoy fetches again a little before the keys are too old.
    if (remote.failedRefetchMs !== null) this.#fetchLater(Math.max(remote.cacheMs - refetchAheadMs, minRefetchMs));
    this.#tell(keys);
  }

  #onFailed(remote: RemoteJwksSpec, attempt: number): void {
    if (attempt < remote.numRetries) {
      setTimeout(() => this.#fetchNow(attempt + 1), retryMs).unref();
      return;
    }
    this.#slab.values[this.#failed]++;
    if (remote.failedRefetchMs !== null) this.#fetchLater(remote.failedRefetchMs);
    this.#tell(null);
  }

  /** Not where no config has it any more. */
  #fetchLater(ms: number): void {
    laterIfAlive(this, ms, (source) => {
      if (!source.#isFetching) source.#fetchNow(0);
    });
  }

  #tell(keys: Keys | null): void {
    this.#isFetching = false;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.onKeys(keys);
  }
}

function orNull(keys: Keys | string): Keys | null {
  return typeof keys === "string" ? null : keys;
}

const empty = Buffer.alloc(0);
const refetchAheadMs = 5000;
const minRefetchMs = 1000;
const retryMs = 200;
