import { existsSync } from "node:fs";
import { FileWatch } from "../../net/file-watch.ts";
import type { ApiSourceSpec } from "../../proto/api-source.ts";
import type { ConfigSourceSpec } from "../../proto/config-source.ts";
import type { XdsSource } from "../../xds-client/source.ts";
import type { XdsHandler, XdsSubscription } from "../../xds-client/subscription.ts";
import { loadResources } from "../load.ts";
import { formatProblems } from "../report.ts";

/** Who takes resources of one type from any source. */
export interface ResourceTaker extends XdsHandler {
  readonly typeUrl: string;
}

/** Opens what an api_config_source or ads_config asks for; the same one for the same source. `typeUrl`: null for ADS. */
export type StreamOpener = (api: ApiSourceSpec, typeUrl: string | null) => XdsSource;

/** Where resources are asked for: by the aggregated stream, by streams of one type, and from files. */
export class ResourceSources {
  readonly #ads: XdsSource | null;
  readonly #adsSpec: ApiSourceSpec | null;
  readonly #open: StreamOpener;
  readonly #log: (level: "info" | "warning", message: string) => void;
  /** Type and path of the files that are watched. */
  readonly #watched = new Set<string>();
  /** By type, on each stream. */
  readonly #named = new Map<XdsSource, Map<string, XdsSubscription>>();

  constructor(
    ads: ApiSourceSpec | null,
    open: StreamOpener,
    log: (level: "info" | "warning", message: string) => void,
  ) {
    this.#adsSpec = ads;
    this.#ads = ads === null ? null : open(ads, null);
    this.#open = open;
    this.#log = log;
  }

  /** All resources of a type: LDS, CDS. "" or why there can be none. */
  watchAll(source: ConfigSourceSpec, taker: ResourceTaker): void {
    taker.onAttempt("*");
    if (source.kind === "FILE") this.#watchFile(source.path, source.folder, taker);
    else this.#stream(source, taker)?.watchAll(taker.typeUrl, taker, source.fetchTimeoutMs);
  }

  /** The opposite of watchAll; a file is left alone. */
  unwatchAll(source: ConfigSourceSpec, taker: ResourceTaker): void {
    if (source.kind !== "FILE") this.#stream(source, taker)?.unwatchAll(taker.typeUrl);
  }

  /** One more of a type that is asked for as a whole: VHDS. */
  addToAll(source: ConfigSourceSpec, taker: ResourceTaker, name: string): void {
    const client = source.kind === "FILE" ? null : this.#stream(source, taker);
    if (client !== null) client.add(client.watchAll(taker.typeUrl, taker, 0), name, 0);
  }

  removeFromAll(source: ConfigSourceSpec, taker: ResourceTaker, name: string): void {
    const client = source.kind === "FILE" ? null : this.#stream(source, taker);
    if (client !== null) client.remove(client.watchAll(taker.typeUrl, taker, 0), name);
  }

  /** Changes come one by one. */
  isDelta(source: ConfigSourceSpec): boolean {
    if (source.kind === "ADS") return this.#adsSpec?.isDelta === true;
    return source.kind === "API" && source.api.isDelta;
  }

  /** One resource by name: EDS, RDS, SDS. */
  add(source: ConfigSourceSpec, taker: ResourceTaker, name: string): void {
    if (source.kind === "FILE") {
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

  #stream(source: Exclude<ConfigSourceSpec, { kind: "FILE" }>, taker: ResourceTaker): XdsSource | null {
    if (source.kind === "API") return this.#open(source.api, taker.typeUrl);
    if (this.#ads === null) this.#log("warning", "a resource asks for ads, and dynamic_resources has no ads_config");
    return this.#ads;
  }

  #subscription(client: XdsSource, taker: ResourceTaker): XdsSubscription {
    let byType = this.#named.get(client);
    if (byType === undefined) this.#named.set(client, (byType = new Map()));
    let subscription = byType.get(taker.typeUrl);
    if (subscription === undefined) byType.set(taker.typeUrl, (subscription = client.watchNames(taker.typeUrl, taker)));
    return subscription;
  }

  /** A file that is asked for again, by another name, is read again. */
  #watchFile(path: string, folder: string, taker: ResourceTaker): void {
    if (!existsSync(path)) {
      this.#log("warning", `there is no file "${path}" to take ${taker.typeUrl} from`);
      taker.onFailure("*");
      taker.onFetchTimeout("*");
      return;
    }
    const read = () => this.#readFile(path, taker);
    read();
    const key = `${taker.typeUrl} ${path}`;
    if (this.#watched.has(key)) return;
    this.#watched.add(key);
    new FileWatch(path, folder, () => {
      taker.onAttempt("*");
      read();
    });
  }

  #readFile(path: string, taker: ResourceTaker): void {
    const loaded = loadResources(path, "warn");
    if (loaded.message === null) {
      taker.onFailure("*");
      const errors = loaded.problems.filter(({ severity }) => severity === "error");
      this.#log("warning", `${path}: ${formatProblems(errors, (problem) => loaded.locations.get(problem) ?? null)}`);
      taker.onFetchTimeout("*");
      return;
    }
    const { versionInfo, resources } = loaded.message;
    const refusal = taker.onUpdate({
      version: versionInfo,
      resources: resources.map((value) => ({
        name: "",
        aliases: [],
        version: versionInfo,
        value,
        ttlMs: null,
      })),
      removed: [],
      isWholeState: true,
    });
    if (refusal !== "") this.#log("warning", `${path}: ${refusal}`);
  }
}
