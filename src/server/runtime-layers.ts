import { textEntry } from "../config/runtime-entries.ts";
import type { RuntimeLayerSpec } from "../config/runtime-layers.ts";
import { SourceSyntaxError } from "../config/source.ts";
import { FileWatch } from "../net/file-watch.ts";
import type { StatsSlab } from "../observability/stats.ts";
import type { RuntimeEntry } from "../router/runtime-fraction.ts";
import { readDiskLayer } from "./disk-layer.ts";

/** One layer as it is in force. */
interface RuntimeLayer {
  readonly spec: RuntimeLayerSpec;
  /** null for a folder that is not there: no layer. */
  entries: ReadonlyMap<string, RuntimeEntry> | null;
}

/** Keys whose final value changed; null where no layer has one any more. */
export type RuntimeChanges = Record<string, RuntimeEntry | null>;

/** Envoy's layered runtime: a key's value is that of the highest layer that has it. Envoy: LoaderImpl. */
export class RuntimeLayers {
  readonly #layers: RuntimeLayer[];
  readonly #admin = new Map<string, RuntimeEntry>();
  #final = new Map<string, RuntimeEntry>();
  #onChange: (changes: RuntimeChanges) => void = () => {};
  /** As Envoy counts them: it loads twice before it serves. */
  readonly #counts = { loadSuccess: 1, loadError: 0, overrideDirExists: 0, overrideDirNotExists: 0 };
  #hasFirst = false;

  constructor(specs: readonly RuntimeLayerSpec[]) {
    this.#layers = specs.map((spec) => ({
      spec,
      entries: spec.kind === "admin" ? this.#admin : spec.kind === "static" ? spec.entries : new Map(),
    }));
    this.#load();
  }

  /** Has changes told, and folders watched. */
  connect(onChange: (changes: RuntimeChanges) => void): void {
    this.#onChange = onChange;
    for (const { spec } of this.#layers) {
      if (spec.kind === "disk") new FileWatch(spec.symlinkRoot, "", () => this.#load());
    }
  }

  /** Names of the layers, lowest first. */
  get names(): string[] {
    return this.#present().map(({ spec }) => spec.name);
  }

  /** Every key of every layer, sorted, with the text that counts and that of each layer, "" where it has none. */
  *texts(): Iterable<{ key: string; final: string; layers: string[] }> {
    const present = this.#present();
    for (const key of [...this.#final.keys()].sort()) {
      const layers = present.map(({ entries }) => entries?.get(key)?.text ?? "");
      yield { key, final: this.#final.get(key)?.text ?? "", layers };
    }
  }

  /** Every key with the value that counts. */
  finalEntries(): Record<string, RuntimeEntry> {
    return Object.fromEntries(this.#final);
  }

  isTrue(key: string): boolean {
    return this.#final.get(key)?.flag === true;
  }

  /** What an RTDS layer holds from now on. */
  set(layerName: string, entries: ReadonlyMap<string, RuntimeEntry>): void {
    const layer = this.#layers.find(({ spec }) => spec.kind === "rtds" && spec.name === layerName);
    if (layer === undefined) return;
    layer.entries = entries;
    this.#load();
  }

  /** Sets keys in the admin layer; an empty value takes an override away. "" or why nothing was changed. */
  modify(values: ReadonlyMap<string, string>): string {
    if (!this.#layers.some(({ spec }) => spec.kind === "admin")) return "No admin layer specified";
    const entries: [key: string, entry: RuntimeEntry | null][] = [];
    for (const [key, text] of values) {
      try {
        entries.push([key, text === "" ? null : textEntry(text)]);
      } catch (error) {
        if (!(error instanceof SourceSyntaxError)) throw error;
        return `${key}: ${error.message}`;
      }
    }
    for (const [key, entry] of entries) {
      if (entry === null) this.#admin.delete(key);
      else this.#admin.set(key, entry);
    }
    this.#load();
    return "";
  }

  /** Brings the stats into the main thread's slab. Envoy: RuntimeStats. */
  sync(slab: StatsSlab): void {
    const counts = this.#counts;
    for (const [name, count] of [
      ["load_success", counts.loadSuccess],
      ["load_error", counts.loadError],
      ["override_dir_exists", counts.overrideDirExists],
      ["override_dir_not_exists", counts.overrideDirNotExists],
      ["deprecated_feature_use", 0],
    ] as const) {
      const slot = slab.counter(`runtime.${name}`);
      if (count > 0) slab.values[slot] = count;
    }
    slab.values[slab.gauge("runtime.num_keys")] = this.#final.size;
    slab.values[slab.gauge("runtime.num_layers")] = this.#present().length;
    slab.values[slab.gauge("runtime.admin_overrides_active")] = this.#admin.size > 0 ? 1 : 0;
    slab.gauge("runtime.deprecated_feature_seen_since_process_start");
  }

  #present(): RuntimeLayer[] {
    return this.#layers.filter(({ entries }) => entries !== null);
  }

  /** A new snapshot. Folders are read anew whatever changed, as in Envoy. */
  #load(): void {
    const isSound = this.#readDisks();
    const disks = this.#present().filter(({ spec }) => spec.kind === "disk").length;
    this.#counts[isSound ? "loadSuccess" : "loadError"]++;
    const existence = disks > 1 ? "overrideDirExists" : "overrideDirNotExists";
    this.#counts[existence]++;
    if (!this.#hasFirst) this.#counts[existence]++;
    this.#hasFirst = true;
    const before = this.#final;
    this.#final = new Map();
    for (const { entries } of this.#layers) for (const [key, entry] of entries ?? []) this.#final.set(key, entry);
    const changes: RuntimeChanges = {};
    for (const [key, entry] of this.#final) if (before.get(key)?.text !== entry.text) changes[key] = entry;
    for (const key of before.keys()) if (!this.#final.has(key)) changes[key] = null;
    if (Object.keys(changes).length > 0) this.#onChange(changes);
  }

  #readDisks(): boolean {
    let isSound = true;
    for (const layer of this.#layers) {
      if (layer.spec.kind !== "disk") continue;
      try {
        layer.entries = readDiskLayer(layer.spec.folder);
      } catch {
        layer.entries = null;
        isSound = false;
      }
    }
    return isSound;
  }
}
