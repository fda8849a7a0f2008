import { existsSync } from "node:fs";
import { FileWatch } from "../../net/file-watch.ts";
import type { ApiSourceSpec, ConfigSourceSpec } from "../../proto/config-source.ts";
import type { XdsClient } from "../../xds-client/client.ts";
import type { XdsHandler, XdsSubscription } from "../../xds-client/subscription.ts";
import { loadResources } from "../load.ts";
import { formatProblems } from "../report.ts";
import type { SubscriptionStats } from "../subscription-stats.ts";

/** Who takes resources of one type from any source. */
export interface ResourceTaker extends XdsHandler {
  readonly typeUrl: string;
  readonly stats: SubscriptionStats;
}

/** Opens the stream that an api_config_source or ads_config asks for; the same one for the same source. `typeUrl`: null for ADS. */
export type StreamOpener = (api: ApiSourceSpec, typeUrl: string | null) => XdsClient;

/** Where resources are asked for: by the aggregated stream, by streams of one type, and from files. */
export class ResourceSources {
  readonly #ads: XdsClient | null;
  readonly #open: StreamOpener;
  readonly #log: (level: "info" | "warning", message: string) => void;
  /** By type, on each stream. */
  readonly #named = new Map<XdsClient, Map<string, XdsSubscription>>();

  constructor(
    ads: ApiSourceSpec | null,
    open: StreamOpener,
    log: (level: "info" | "warning", message: string) => void,
  ) {
    this.#ads = ads === null ? null : open(ads, null);
    this.#open = open;
    this.#log = log;
  }

  /** All resources of a type: LDS, CDS. "" or why there can be none. */
  watchAll(source: ConfigSourceSpec, taker: ResourceTaker): void {
    taker.stats.count("update_attempt");
    if (source.kind === "FILE") this.#watchFile(source.path, source.folder, taker);
    else this.#stream(source, taker)?.watchAll(taker.typeUrl, taker, source.fetchTimeoutMs);
  }

  /** One resource by name: EDS, RDS, SDS. */
  add(source: ConfigSourceSpec, taker: ResourceTaker, name: string): void {
    if (source.kind === "FILE") {
      taker.stats.count("update_attempt");
      this.#watchFile(source.path, source.folder, taker);
      return;
    }
    const client = this.#stream(source, taker);
    if (client !== null) client.add(this.#subscription(client, taker), name, source.fetchTimeoutMs);
  }

  remove(source: ConfigSourceSpec, taker: ResourceTaker, name: string): void {
    if (source.kind === "FILE") return;
    const client = this.#stream(source, taker);
    if (client !== null) client.remove(this.#subscription(client, taker), name);
  }

  #stream(source: Exclude<ConfigSourceSpec, { kind: "FILE" }>, taker: ResourceTaker): XdsClient | null {
    if (source.kind === "GRPC") return this.#open(source.api, taker.typeUrl);
    if (this.#ads === null) this.#log("warning", "a resource asks for ads, and dynamic_resources has no ads_config");
    return this.#ads;
  }

  #subscription(client: XdsClient, taker: ResourceTaker): XdsSubscription {
    let byType = this.#named.get(client);
    if (byType === undefined) this.#named.set(client, (byType = new Map()));
    let subscription = byType.get(taker.typeUrl);
    if (subscription === undefined) byType.set(taker.typeUrl, (subscription = client.watchNames(taker.typeUrl, taker)));
    return subscription;
  }

  #watchFile(path: string, folder: string, taker: ResourceTaker): void {
    if (!existsSync(path)) {
      this.#log("warning", `there is no file "${path}" to take ${taker.typeUrl} from`);
      taker.stats.count("update_failure");
      taker.onFetchTimeout("*");
      return;
    }
    const read = () => this.#readFile(path, taker);
    read();
    new FileWatch(path, folder, () => {
      taker.stats.count("update_attempt");
      read();
    });
  }

  #readFile(path: string, taker: ResourceTaker): void {
    const loaded = loadResources(path, "warn");
    if (loaded.message === null) {
      taker.stats.count("update_failure");
      const errors = loaded.problems.filter(({ severity }) => severity === "error");
      this.#log("warning", `${path}: ${formatProblems(errors, (problem) => loaded.locations.get(problem) ?? null)}`);
      taker.onFetchTimeout("*");
      return;
    }
    const { versionInfo, resources } = loaded.message;
    const refusal = taker.onUpdate({
      version: versionInfo,
      resources: resources.map((value) => ({ name: "", version: versionInfo, value })),
      removed: [],
      isWholeState: true,
    });
    if (refusal !== "") this.#log("warning", `${path}: ${refusal}`);
  }
}
