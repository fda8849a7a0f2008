import { checkDiscoveredType, type HttpFilterSpec, parseFilterConfig } from "../../filters/http-filters.ts";
import type { SecretTexts } from "../../filters/parsers.ts";
import type { StatsSlab } from "../../observability/stats.ts";
import {
  type TypedExtensionConfig,
  TypedExtensionConfigSchema,
} from "../../proto/generated/envoy/config/core/v3/extension_pb.ts";
import { Problems } from "../../proto/problems.ts";
import type { NamedFilterConfig } from "../../proxy/worker-runtime.ts";
import type { XdsUpdate } from "../../xds-client/subscription.ts";
import { SubscriptionStats } from "../subscription-stats.ts";
import { ResourceRecords, readResource } from "./records.ts";
import type { ResourceSources, ResourceTaker } from "./sources.ts";

/** What filters' configs that change are told to. */
export interface FilterConfigTarget {
  /** Of type "" where it is gone: the default is in force again. */
  putFilterConfig(config: NamedFilterConfig): void;
  log(level: "info" | "warning", message: string): void;
}

/** A config that filters of one name wait for. */
interface Wanted {
  readonly stats: SubscriptionStats;
  /** What each filter that asks for it allows. */
  readonly types: string[][];
  isSettled: boolean;
  /** Who takes it: that of its file, or that of all streams. */
  readonly taker: ResourceTaker;
}

/** ECDS: configs of HTTP filters by the filter's name. Envoy: FilterConfigSubscription. */
export class DynamicFilters {
  readonly records = new ResourceRecords();
  readonly #secrets: SecretTexts;
  readonly #sources: ResourceSources;
  readonly #target: FilterConfigTarget;
  readonly #onChange: () => void;
  readonly #wanted = new Map<string, Wanted>();
  readonly #streamed: ResourceTaker;

  constructor(secrets: SecretTexts, sources: ResourceSources, target: FilterConfigTarget, onChange: () => void) {
    this.#secrets = secrets;
    this.#sources = sources;
    this.#target = target;
    this.#onChange = onChange;
    this.#streamed = this.#taker(null);
  }

  /** A filter of a listener asks for its config. */
  want(filter: HttpFilterSpec): void {
    if (filter.discovery === null) return;
    const { source, types } = filter.discovery;
    const known = this.#wanted.get(filter.name);
    if (known !== undefined) {
      if (!known.types.some((other) => other.join() === types.join())) known.types.push(types);
      return;
    }
    const taker = source.kind === "FILE" ? this.#taker(filter.name) : this.#streamed;
    const prefix = `extension_config_discovery.http_filter.${filter.name}.`;
    const stats = new SubscriptionStats(prefix, ["config_reload", "config_fail", "config_conflict"]);
    stats.count("update_attempt");
    this.#wanted.set(filter.name, { stats, types: [types], isSettled: false, taker });
    this.#sources.add(source, taker, filter.name);
  }

  /** A filter of some listener asks for its config. */
  get isAsked(): boolean {
    return this.#wanted.size > 0;
  }

  /** Its listener need not wait for it any more. */
  isSettled(filter: HttpFilterSpec): boolean {
    if (filter.discovery === null || filter.discovery.isDefaultAtOnce) return true;
    return this.#wanted.get(filter.name)?.isSettled ?? true;
  }

  /** No listener asks for it any more. */
  forget(filter: HttpFilterSpec): void {
    const wanted = this.#wanted.get(filter.name);
    if (filter.discovery === null || wanted === undefined) return;
    this.#sources.remove(filter.discovery.source, wanted.taker, filter.name);
    this.#wanted.delete(filter.name);
    this.records.remove(filter.name);
    this.#target.putFilterConfig({ name: filter.name, type: "", config: null });
  }

  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    for (const { stats } of this.#wanted.values()) stats.sync(slab, setTextReadout);
  }

  /** Of all streams, or of the file that one name comes from. */
  #taker(fileOf: string | null): ResourceTaker {
    const named = (name: string): string[] => {
      if (name !== "*") return [name];
      return fileOf === null ? [...this.#wanted.keys()] : [fileOf];
    };
    return {
      typeUrl: `type.googleapis.com/${TypedExtensionConfigSchema.typeName}`,
      records: this.records,
      onUpdate: (update) => this.#onUpdate(update, fileOf),
      onAttempt: (name) => {
        for (const one of named(name)) this.#wanted.get(one)?.stats.count("update_attempt");
      },
      onFailure: (name) => {
        for (const one of named(name)) this.#wanted.get(one)?.stats.count("update_failure");
      },
      onFetchTimeout: (name) => {
        for (const one of named(name)) this.#onFetchTimeout(one);
      },
    };
  }

  #onFetchTimeout(name: string): void {
    const wanted = this.#wanted.get(name);
    if (wanted === undefined || wanted.isSettled) return;
    wanted.isSettled = true;
    wanted.stats.count("init_fetch_timeout");
    wanted.stats.count("config_fail");
    this.#onChange();
  }

  #onUpdate(update: XdsUpdate, fileOf: string | null): string {
    const refusals: string[] = [];
    if (fileOf !== null && update.resources.length !== 1) {
      const number = update.resources.length;
      refusals.push(this.#refuse(fileOf, `Unexpected number of resources in ExtensionConfigDS response: ${number}`));
    } else {
      for (const { version, value } of update.resources) {
        if (value === null) continue;
        const problems = new Problems();
        const message = readResource(TypedExtensionConfigSchema, value, problems);
        const refusal = this.#take(message, version, value.value, problems, fileOf);
        if (refusal !== "") refusals.push(refusal);
        else this.#wanted.get(message?.name ?? "")?.stats.onSuccess(update.version, Date.now());
      }
    }
    for (const name of update.removed) {
      if (!this.#wanted.has(name)) continue;
      this.records.remove(name);
      this.#target.putFilterConfig({ name, type: "", config: null });
    }
    this.#onChange();
    return refusals.join("\n");
  }

  /** "" or why it is refused. */
  #take(
    message: TypedExtensionConfig | null,
    version: string,
    bytes: Uint8Array,
    problems: Problems,
    fileOf: string | null,
  ): string {
    const name = message?.name ?? fileOf ?? "";
    if (fileOf !== null && name !== fileOf)
      return this.#refuse(fileOf, `Unexpected resource name in ExtensionConfigDS response: ${name}`);
    const wanted = this.#wanted.get(name);
    if (wanted === undefined) return "";
    const config =
      message === null || problems.hasErrors || this.records.confirm(name, bytes)
        ? null
        : parseFilterConfig(name, message.typedConfig, problems.at("typed_config"), this.#secrets);
    if (config !== null) for (const types of wanted.types) checkDiscoveredType(config.type, types, problems);
    if (problems.hasErrors) return this.#refuse(name, this.records.refuse(name, version, problems, message, bytes));
    wanted.isSettled = true;
    if (config === null || message === null) return "";
    this.records.accept(name, version, () => message, bytes, false);
    wanted.stats.count("config_reload");
    this.#target.putFilterConfig({ name, ...config });
    return "";
  }

  /** Envoy: a first one that is refused does not keep its listener waiting. */
  #refuse(name: string, text: string): string {
    const wanted = this.#wanted.get(name);
    if (wanted !== undefined) {
      wanted.isSettled = true;
      wanted.stats.count("update_rejected");
      wanted.stats.count("config_fail");
    }
    return `${name}: ${text}`;
  }
}
