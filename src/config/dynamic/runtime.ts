import type { StatsSlab } from "../../observability/stats.ts";
import { RuntimeSchema } from "../../proto/generated/envoy/service/runtime/v3/rtds_pb.ts";
import { Problems } from "../../proto/problems.ts";
import type { RuntimeEntry } from "../../router/runtime-fraction.ts";
import type { XdsUpdate } from "../../xds-client/subscription.ts";
import { structEntries } from "../runtime-entries.ts";
import type { RuntimeLayerSpec } from "../runtime-layers.ts";
import { SubscriptionStats } from "../subscription-stats.ts";
import { ResourceRecords, readResource } from "./records.ts";
import type { ResourceSources, ResourceTaker } from "./sources.ts";

/** What a layer that changes is told to. */
export interface RuntimeTarget {
  setRuntimeLayer(layerName: string, entries: ReadonlyMap<string, RuntimeEntry>): void;
  log(level: "info" | "warning", message: string): void;
}

type RtdsLayerSpec = Extract<RuntimeLayerSpec, { kind: "rtds" }>;

/** RTDS: runtime layers by name. Envoy: RtdsSubscription. */
export class DynamicRuntime {
  /** Of all such layers together, as in Envoy. */
  readonly #stats = new SubscriptionStats("runtime.");
  readonly #layers: readonly RtdsLayerSpec[];
  readonly #sources: ResourceSources;
  readonly #target: RuntimeTarget;
  readonly #onSettled: () => void;
  readonly #waitingFor = new Set<string>();

  /** `onSettled` is called once, when each layer came, was refused, or its time to come is over. */
  constructor(
    layers: readonly RuntimeLayerSpec[],
    sources: ResourceSources,
    target: RuntimeTarget,
    onSettled: () => void,
  ) {
    this.#layers = layers.filter((layer) => layer.kind === "rtds");
    this.#sources = sources;
    this.#target = target;
    this.#onSettled = onSettled;
    for (const { name } of this.#layers) this.#waitingFor.add(name);
  }

  /** Asks for all of them. */
  start(): void {
    if (this.#layers.length === 0) this.#onSettled();
    const byStream = this.#layers.filter(({ source }) => source.kind !== "FILE");
    const streamed = new LayerTaker(byStream, false, this.#stats, this.#target, (name) => this.#settle(name));
    for (const layer of this.#layers) {
      const { source, resourceName } = layer;
      const isFile = source.kind === "FILE";
      // A file stands for one layer, whatever others there are.
      const taker = isFile
        ? new LayerTaker([layer], true, this.#stats, this.#target, (name) => this.#settle(name))
        : streamed;
      this.#stats.count("update_attempt");
      this.#sources.add(source, taker, resourceName);
    }
  }

  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    if (this.#layers.length > 0) this.#stats.sync(slab, setTextReadout);
  }

  /** False for a layer that nothing waited for. */
  #settle(layerName: string): boolean {
    if (!this.#waitingFor.delete(layerName)) return false;
    if (this.#waitingFor.size === 0) this.#onSettled();
    return true;
  }
}

/** Takes the resources of some layers. */
class LayerTaker implements ResourceTaker {
  readonly typeUrl = `type.googleapis.com/${RuntimeSchema.typeName}`;
  readonly records = new ResourceRecords();
  readonly #layers: readonly RtdsLayerSpec[];
  /** One resource, of the layer's name, is all that may come: a file. */
  readonly #isExact: boolean;
  readonly #stats: SubscriptionStats;
  readonly #target: RuntimeTarget;
  readonly #settle: (layerName: string) => boolean;

  constructor(
    layers: readonly RtdsLayerSpec[],
    isExact: boolean,
    stats: SubscriptionStats,
    target: RuntimeTarget,
    settle: (layerName: string) => boolean,
  ) {
    this.#layers = layers;
    this.#isExact = isExact;
    this.#stats = stats;
    this.#target = target;
    this.#settle = settle;
  }

  onUpdate(update: XdsUpdate): string {
    const refusals: string[] = [];
    if (this.#isExact && update.resources.length !== 1) {
      refusals.push(
        `Unexpected RTDS resource length, number of added resources ${update.resources.length}, number of removed resources 0`,
      );
    } else {
      for (const { name: toldName, version, value } of update.resources) {
        if (value === null) continue;
        const problems = new Problems();
        const message = readResource(RuntimeSchema, value, problems);
        const layers = this.#layers.filter(({ resourceName }) => resourceName === message?.name);
        const entries = structEntries(message?.layer ?? {}, problems.at("layer"));
        const name = message?.name ?? toldName;
        if (message === null || problems.hasErrors)
          refusals.push(`${name}: ${this.records.refuse(name, version, problems, message, value.value)}`);
        else if (layers.length === 0 && this.#isExact)
          refusals.push(`Unexpected RTDS runtime (expecting ${this.#layers[0]?.resourceName}): ${message?.name}`);
        if (message !== null && !problems.hasErrors && layers.length > 0 && !this.records.confirm(name, value.value))
          this.records.accept(name, version, () => message, value.value, false);
        for (const layer of layers) {
          if (!problems.hasErrors) {
            this.#target.setRuntimeLayer(layer.name, entries);
            this.#stats.onSuccess(update.version, Date.now());
          }
          this.#settle(layer.name);
        }
      }
    }
    for (const name of update.removed) {
      this.records.remove(name);
      for (const layer of this.#layers)
        if (layer.resourceName === name) this.#target.setRuntimeLayer(layer.name, new Map());
    }
    if (refusals.length > 0) {
      this.#stats.count("update_rejected");
      if (this.#isExact) for (const layer of this.#layers) this.#settle(layer.name);
    }
    return refusals.join("\n");
  }

  onAttempt(): void {
    this.#stats.count("update_attempt");
  }

  onFailure(): void {
    this.#stats.count("update_failure");
  }

  /** A layer that does not come holds nothing up for ever. */
  onFetchTimeout(name: string): void {
    for (const layer of this.#layers) {
      if (name !== "*" && layer.resourceName !== name) continue;
      if (this.#settle(layer.name)) this.#stats.count("init_fetch_timeout");
    }
  }
}
