import type { StatsSlab } from "../../observability/stats.ts";
import type { Bootstrap } from "../../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import type { ClusterParseOptions } from "../../upstream/parse.ts";
import type { ServerSpec } from "../resources.ts";
import type { RuntimeLayerSpec } from "../runtime-layers.ts";
import type { SecretStore } from "../secret-store.ts";
import { type ClusterTarget, DynamicClusters } from "./clusters.ts";
import type { ConfigJournal } from "./journal.ts";
import { DynamicListeners, type ListenerTarget } from "./listeners.ts";
import type { DynamicSpec } from "./parse.ts";
import { DynamicRuntime, type RuntimeTarget } from "./runtime.ts";
import { DynamicSecrets } from "./secrets.ts";
import { ResourceSources, type StreamOpener } from "./sources.ts";
import type { WaitingResources } from "./waiting.ts";

/** What the process is asked to do when config changes. */
export type DynamicTarget = ClusterTarget & ListenerTarget & RuntimeTarget;

/**
 * Config that comes from outside and changes, in Envoy's order: the runtime first, then clusters, with their endpoints and secrets; when
 * they are warm listeners, with their routes and secrets; then the workers start.
 */
export class DynamicConfig {
  readonly clusters: DynamicClusters;
  readonly listeners: DynamicListeners;
  readonly #runtime: DynamicRuntime;
  readonly #spec: DynamicSpec;
  readonly #sources: ResourceSources;
  readonly #whenReady = Promise.withResolvers<void>();
  #phase: "runtime" | "clusters" | "listeners" | "ready" = "runtime";

  constructor(
    statics: ServerSpec,
    bootstrap: Bootstrap,
    runtime: readonly RuntimeLayerSpec[],
    options: ClusterParseOptions & { contexts: SecretStore },
    open: StreamOpener,
    target: DynamicTarget,
  ) {
    this.#spec = statics.dynamic;
    this.#sources = new ResourceSources(statics.dynamic.ads, open, target.log);
    this.#runtime = new DynamicRuntime(runtime, this.#sources, target, () => this.#startClusters());
    this.clusters = new DynamicClusters(options, this.#sources, target, () => this.#advance());
    this.listeners = new DynamicListeners(options.contexts, this.#sources, target, () => this.#advance());
    const secrets = new DynamicSecrets(this.#sources, () => this.listeners.checkWarm());
    options.contexts.serveFrom((secret, source) => secrets.subscribe(secret, source));
    const messages = new Map((bootstrap.staticResources?.clusters ?? []).map((message) => [message.name, message]));
    for (const cluster of statics.clusters) {
      const message = messages.get(cluster.name);
      if (message !== undefined) this.clusters.addStatic(cluster, message);
    }
    for (const listener of statics.listeners) this.listeners.addStatic(listener);
  }

  /** Asks for all that the bootstrap names. Settles when the workers may start. */
  async start(): Promise<void> {
    this.#runtime.start();
    await this.#whenReady.promise;
  }

  /** Brings the stats into the main thread's slab. */
  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    if (this.#spec.cds !== null) this.clusters.sync(slab, setTextReadout);
    if (this.#spec.lds !== null) this.listeners.stats.sync(slab, setTextReadout);
    this.listeners.routes.sync(slab, setTextReadout);
    this.listeners.scopes.sync(slab, setTextReadout);
    this.listeners.filters.sync(slab, setTextReadout);
    this.#runtime.sync(slab, setTextReadout);
  }

  /** What came from where, and what became of it. */
  get journal(): ConfigJournal {
    return this.#sources.journal;
  }

  /** What is not in force yet, and why. */
  waiting(): WaitingResources {
    const isServing = this.#phase === "ready";
    return { isServing, listeners: this.listeners.waiting(!isServing), clusters: this.clusters.waiting() };
  }

  #startClusters(): void {
    this.#phase = "clusters";
    if (this.#spec.cds === null) this.clusters.onFetchTimeout();
    else this.#sources.watchAll(this.#spec.cds, this.clusters);
  }

  #advance(): void {
    if (this.#phase === "clusters" && this.clusters.warmingCount === 0) {
      this.#phase = "listeners";
      this.listeners.startStatic();
      if (this.#spec.lds === null) this.listeners.onFetchTimeout();
      else this.#sources.watchAll(this.#spec.lds, this.listeners);
      return;
    }
    if (this.#phase !== "listeners" || this.listeners.warmingCount > 0 || this.listeners.isWaiting) return;
    this.#phase = "ready";
    this.#whenReady.resolve();
  }
}
