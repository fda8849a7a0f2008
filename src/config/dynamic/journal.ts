import type { ApiSourceSpec } from "../../proto/api-source.ts";
import type { ConfigSourceSpec } from "../../proto/config-source.ts";
import type { XdsHandler, XdsUpdate } from "../../xds-client/subscription.ts";
import { type JournalEntry, type JournalSource, typeOf } from "./journal-entry.ts";
import type { Change, ResourceRecord, ResourceRecords } from "./records.ts";
import { refusalBlock } from "./refusal-block.ts";

/** Who takes resources of one type. */
interface Taker extends XdsHandler {
  readonly typeUrl: string;
  readonly records: ResourceRecords;
}

/** The last updates of each type: what came, what was refused. One for the process. */
export class ConfigJournal {
  readonly #log: (level: "info" | "warning", message: string) => void;
  readonly #entries = new Map<string, JournalEntry[]>();
  readonly #sources = new Map<string, JournalSource>();
  readonly #takers = new Map<Taker, Map<string, XdsHandler>>();
  #count = 0;

  constructor(log: (level: "info" | "warning", message: string) => void) {
    this.#log = log;
  }

  /** The taker, with what it makes of each update from this source noted. The same one for the same source. */
  observe(taker: Taker, spec: ConfigSourceSpec, ads: ApiSourceSpec | null): XdsHandler {
    const bySource = this.#takers.get(taker) ?? new Map<string, XdsHandler>();
    this.#takers.set(taker, bySource);
    const status = this.#sourceOf(taker.typeUrl, spec, ads);
    let handler = bySource.get(status.source);
    if (handler === undefined) {
      handler = {
        onUpdate: (update) => this.#onUpdate(taker, status, update),
        onAttempt: (name) => taker.onAttempt(name),
        onFailure: (name) => taker.onFailure(name),
        onFetchTimeout: (name) => taker.onFetchTimeout(name),
      };
      bySource.set(status.source, handler);
    }
    return handler;
  }

  /** A file could not be read. */
  onFailure(typeUrl: string, spec: ConfigSourceSpec, text: string): void {
    this.#sourceOf(typeUrl, spec, null).failure = { at: new Date(), text };
    this.#log(
      "warning",
      `${typeOf(typeUrl)} of ${sourceText(spec, null)} cannot be read; what is in force stays\n${text}`,
    );
  }

  /** Newest first. */
  entries(typeUrl: string): readonly JournalEntry[] {
    return [...(this.#entries.get(typeUrl) ?? [])].reverse();
  }

  get sources(): readonly JournalSource[] {
    return [...this.#sources.values()];
  }

  /** As they are in force now. */
  records(typeUrl: string): ResourceRecord[] {
    return [...this.#takers.keys()]
      .filter((taker) => taker.typeUrl === typeUrl)
      .map(({ records }) => records)
      .filter((records, i, all) => all.indexOf(records) === i)
      .flatMap((records) => records.all());
  }

  #onUpdate(taker: Taker, source: JournalSource, update: XdsUpdate): string {
    const refusal = taker.onUpdate(update);
    const now = new Date();
    source.answeredAt = now;
    source.failure = null;
    if (refusal === "") {
      source.acceptedAt = now;
      source.version = update.version;
    }
    const changes = taker.records.takeChanges();
    if (changes.length === 0 && refusal === "") return refusal;
    if (this.#isAgain(taker.typeUrl, source.source, refusal, changes)) return refusal;
    const refused = changes.filter(({ outcome }) => outcome === "REFUSED");
    const entry: JournalEntry = {
      number: ++this.#count,
      at: now,
      times: 1,
      typeUrl: taker.typeUrl,
      source: source.source,
      version: update.version,
      changes: [...refused, ...changes.filter(({ outcome }) => outcome !== "REFUSED")].slice(0, maxChanges),
      changeCount: changes.length,
      refusedCount: refused.length,
      refusal,
    };
    this.#keep(entry);
    if (refusal !== "")
      this.#log(
        "warning",
        refusalBlock(entry, (name) => taker.records.get(name)),
      );
    return refusal;
  }

  /** Notes that what is refused came again; a control plane may send it without end. */
  #isAgain(typeUrl: string, source: string, refusal: string, changes: readonly Change[]): boolean {
    const last = this.#entries.get(typeUrl)?.at(-1);
    if (refusal === "" || last?.refusal !== refusal || last.source !== source) return false;
    if (changes.length !== last.changes.length || !changes.every((change, i) => isSame(change, last.changes[i])))
      return false;
    last.times++;
    last.at = new Date();
    if (Math.log2(last.times) % 1 === 0)
      this.#log("warning", `${typeOf(typeUrl)} from ${source}: the same is refused again, ${last.times} times by now`);
    return true;
  }

  #keep(entry: JournalEntry): void {
    const entries = this.#entries.get(entry.typeUrl) ?? [];
    this.#entries.set(entry.typeUrl, entries);
    entries.push(entry);
    while (entries.length > 1 && (entries.length > maxEntries || bytesOf(entries) > maxBytes)) entries.shift();
  }

  #sourceOf(typeUrl: string, spec: ConfigSourceSpec, ads: ApiSourceSpec | null): JournalSource {
    const source = sourceText(spec, ads);
    const key = `${typeUrl} ${source}`;
    let status = this.#sources.get(key);
    if (status === undefined) {
      const stream = spec.kind === "API" ? { api: spec.api, typeUrl } : ads && { api: ads, typeUrl: null };
      status = {
        typeUrl,
        source,
        stream: spec.kind === "FILE" ? null : stream,
        askedAt: new Date(),
        answeredAt: null,
        version: "",
        acceptedAt: null,
        failure: null,
      };
      this.#sources.set(key, status);
    }
    return status;
  }
}

/** As people call a source. */
function sourceText(spec: ConfigSourceSpec, ads: ApiSourceSpec | null): string {
  if (spec.kind === "FILE") return spec.path;
  if (spec.kind === "API") return `cluster ${spec.api.cluster}, ${variantOf(spec.api)}`;
  return ads === null ? "ads" : `ads, cluster ${ads.cluster}, ${variantOf(ads)}`;
}

function variantOf({ isDelta, rest }: ApiSourceSpec): string {
  if (rest !== null) return "REST";
  return isDelta ? "delta" : "state of the world";
}

/** Refused in the same way, for the same bytes. */
function isSame(change: Change, other: Change | undefined): boolean {
  return (
    change.outcome === "REFUSED" &&
    other?.outcome === "REFUSED" &&
    change.name === other.name &&
    change.isPartial === other.isPartial &&
    Buffer.compare(change.bytes ?? noBytes, other.bytes ?? noBytes) === 0
  );
}

function bytesOf(entries: readonly JournalEntry[]): number {
  let sum = 0;
  for (const { changes } of entries)
    for (const { bytes, before } of changes) sum += (bytes?.length ?? 0) + (before?.length ?? 0);
  return sum;
}

/** Of a type. */
const maxEntries = 32;
const maxChanges = 64;
const maxBytes = 8 * 2 ** 20;
const noBytes = Buffer.alloc(0);
