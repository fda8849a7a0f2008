import type { StreamReset } from "../http/codec.ts";
import type { ResponseHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import type { Cluster } from "./cluster.ts";
import type { Host } from "./host-set.ts";
import { AnswerFacts } from "./response-stats.ts";

/** Counts in its cluster what a request of the proxy's own comes to, as the router counts those of clients. Envoy: Http::AsyncClientImpl has a router of its own. */
export class OwnAnswer {
  readonly #cluster: Cluster;
  readonly #facts: AnswerFacts;
  readonly #start = performance.now();
  #host: Host | null = null;
  #isCounted = false;

  /** `isInternal`: it says so, by x-envoy-internal. */
  constructor(cluster: Cluster, isInternal: boolean) {
    this.#cluster = cluster;
    this.#facts = new AnswerFacts(isInternal);
  }

  onReady(host: Host): void {
    this.#host = host;
    this.#facts.setHost(host, false);
  }

  onHead(head: ResponseHead): void {
    if (head.status < 200 || this.#isCounted) return;
    this.#isCounted = true;
    this.#facts.setHost(this.#host, head.get(canaryId) === "true");
    this.#cluster.onResponse(head.status, performance.now() - this.#start, this.#facts);
  }

  onBorrowFailed(host: Host | null): void {
    this.#facts.setHost(host, false);
    this.onReset(null);
  }

  /** There will be no answer, or no more of it. */
  onReset(reason: StreamReset | null): void {
    this.fail(reason === "protocol_error" ? 502 : 503);
  }

  /** This status stands for the answer. */
  fail(status: number): void {
    if (this.#isCounted) return;
    this.#isCounted = true;
    this.#cluster.onLocalFailure(status, this.#facts);
  }

  onTimeout(): void {
    this.#cluster.onRequestTimeout(this.#host, this.#isCounted ? 0 : 504, this.#facts);
    this.#isCounted = true;
  }
}

const canaryId = Known["x-envoy-upstream-canary"];
