import { existsSync } from "node:fs";
import { FileWatch } from "../../net/file-watch.ts";
import type { ApiSourceSpec } from "../../proto/api-source.ts";
import type { ConfigSourceSpec } from "../../proto/config-source.ts";
import type { XdsSource } from "../../xds-client/source.ts";
import type { XdsHandler, XdsSubscription } from "../../xds-client/subscription.ts";
import { loadResources } from "../load.ts";
import { formatProblems } from "../report.ts";
import { ConfigJournal } from "./journal.ts";
import type { ResourceRecords } from "./records.ts";

/** Who takes resources of one type from any source. */
export interface ResourceTaker extends XdsHandler {
  readonly typeUrl: string;
  /** As they are in force and were refused. */
  readonly records: ResourceRecords;
}

/** Opens what an api_config_source or ads_config asks for; the same one for the same source. `typeUrl`: null for ADS. */
export type StreamOpener = (api: ApiSourceSpec, typeUrl: string | null) => XdsSource;

/** Where resources are asked for: by the aggregated stream, by streams of one type, and from files. */
export class ResourceSources {
  readonly journal: ConfigJournal;
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
    this.journal = new ConfigJournal(log);
  }

  /** All resources of a type: LDS, CDS. "" or why there can be none. */
  watchAll(source: ConfigSourceSpec, taker: ResourceTaker): void {
    taker.onAttempt("*");
    if (source.kind === "FILE") this.#watchFile(source, taker);
    else this.#stream(source, taker)?.watchAll(taker.typeUrl, this.#observed(source, taker), source.fetchTimeoutMs);
  }

  /** The opposite of watchAll; a file is left alone. */
  unwatchAll(source: ConfigSourceSpec, taker: ResourceTaker): void {
    if (source.kind !== "FILE") this.#stream(source, taker)?.unwatchAll(taker.typeUrl);
  }

  /** One more of a type that is asked for as a whole: VHDS. */
  addToAll(source: ConfigSourceSpec, taker: ResourceTaker, name: string): void {
    const client = source.kind === "FILE" ? null : this.#stream(source, taker);
    if (client !== null) client.add(client.watchAll(taker.typeUrl, this.#observed(source, taker), 0), name, 0);
  }

  removeFromAll(source: ConfigSourceSpec, taker: ResourceTaker, name: string): void {
    const client = source.kind === "FILE" ? null : this.#stream(source, taker);
    if (client !== null) client.remove(client.watchAll(taker.typeUrl, this.#observed(source, taker), 0), name);
  }

  /** Changes come one by one. */
  isDelta(source: ConfigSourceSpec): boolean {
    if (source.kind === "ADS") return this.#adsSpec?.isDelta === true;
    return source.kind === "API" && source.api.isDelta;
  }

  /** One resource by name: EDS, RDS, SDS. */
  add(source: ConfigSourceSpec, taker: ResourceTaker, name: string): void {
    if (source.kind === "FILE") {
      this.#watchFile(source, taker);
      return;
    }
    const client = this.#stream(source, taker);
    if (client !== null) client.add(this.#subscription(client, source, taker), name, source.fetchTimeoutMs);
  }

  remove(source: ConfigSourceSpec, taker: ResourceTaker, name: string): void {
    if (source.kind === "FILE") return;
    const client = this.#stream(source, taker);
    if (client !== null) client.remove(this.#subscription(client, source, taker), name);
  }

  #stream(source: Exclude<ConfigSourceSpec, { kind: "FILE" }>, taker: ResourceTaker): XdsSource | null {
    if (source.kind === "API") return this.#open(source.api, taker.typeUrl);
    if (this.#ads === null) this.#log("warning", "a resource asks for ads, and dynamic_resources has no ads_config");
    return this.#ads;
  }

  #observed(source: ConfigSourceSpec, taker: ResourceTaker): XdsHandler {
    return this.journal.observe(taker, source, this.#adsSpec);
  }

  #subscription(client: XdsSource, source: ConfigSourceSpec, taker: ResourceTaker): XdsSubscription {
    let byType = this.#named.get(client);
    if (byType === undefined) this.#named.set(client, (byType = new Map()));
    let subscription = byType.get(taker.typeUrl);
    if (subscription === undefined)
      byType.set(taker.typeUrl, (subscription = client.watchNames(taker.typeUrl, this.#observed(source, taker))));
    return subscription;
  }

  /** A file that is asked for again, by another name, is read again. */
  #watchFile(source: FileSource, taker: ResourceTaker): void {
    const { path, folder } = source;
    if (!existsSync(path)) {
      this.#fail(source, taker, `there is no file "${path}"`);
      return;
    }
    const read = () => this.#readFile(source, taker);
    read();
    const key = `${taker.typeUrl} ${path}`;
    if (this.#watched.has(key)) return;
    this.#watched.add(key);
    new FileWatch(path, folder, () => {
      taker.onAttempt("*");
      read();
    });
  }

  #readFile(source: FileSource, taker: ResourceTaker): void {
    const loaded = loadResources(source.path, "warn");
    if (loaded.message === null) {
      const errors = loaded.problems.filter(({ severity }) => severity === "error");
      this.#fail(
        source,
        taker,
        formatProblems(errors, (problem) => loaded.locations.get(problem) ?? null),
      );
      return;
    }
    const { versionInfo, resources } = loaded.message;
    this.#observed(source, taker).onUpdate({
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
  }

  #fail(source: FileSource, taker: ResourceTaker, text: string): void {
    taker.onFailure("*");
    this.journal.onFailure(taker.typeUrl, source, text);
    taker.onFetchTimeout("*");
  }
}

type FileSource = Extract<ConfigSourceSpec, { kind: "FILE" }>;
