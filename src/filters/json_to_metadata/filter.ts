import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { Regex } from "../../router/regex.ts";
import type { PerFilter } from "../../router/route.ts";
import { wire } from "../../router/text.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus, type HeldBody } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeConfig } from "../route-config.ts";
import type { JsonRulesSpec, JsonToMetadataSpec } from "./parse.ts";
import { JsonRules } from "./rules.ts";

/** Makes dynamic metadata of values of JSON bodies, which it holds until they are whole. Envoy: JsonToMetadata::Filter. */
export class JsonToMetadataFilter implements Filter {
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #own: Config;

  constructor(spec: JsonToMetadataSpec, slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#deps = deps;
    this.#own = new Config(spec, deps);
  }

  linkRoute(perFilter: PerFilter, name: string): Config | null {
    const spec = routeConfig<JsonToMetadataSpec>(perFilter, name);
    return spec === null ? null : new Config(spec, this.#deps);
  }

  onRequestHead(stream: FilterStream, head: RequestHead, endStream: boolean): HeadersStatus {
    return this.#begin(stream, this.#configOf(stream).request, head, endStream);
  }

  onRequestData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    return this.#read(stream, stream.requestWalk, chunk, endStream);
  }

  onRequestTrailers(stream: FilterStream): DataStatus {
    return this.#finish(stream, stream.requestWalk, empty);
  }

  onResponseHead(stream: FilterStream, head: ResponseHead, endStream: boolean): HeadersStatus {
    // A request that was answered before it was whole is not looked at any more.
    stream.scratch[this.#slot] = null;
    return this.#begin(stream, this.#configOf(stream).response, head, endStream);
  }

  onResponseData(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus {
    return this.#read(stream, stream.responseWalk, chunk, endStream);
  }

  onResponseTrailers(stream: FilterStream): DataStatus {
    return this.#finish(stream, stream.responseWalk, empty);
  }

  #configOf(stream: FilterStream): Config {
    return (stream.override(this.#slot) as Config | null) ?? this.#own;
  }

  #begin(stream: FilterStream, side: Direction | null, head: HeaderBlock, endStream: boolean): HeadersStatus {
    if (side === null) return HeadersStatus.Continue;
    const isRead = side.accepts(head);
    if (!isRead || endStream) {
      side.apply(stream, isRead ? empty : null);
      return HeadersStatus.Continue;
    }
    stream.scratch[this.#slot] = side;
    return HeadersStatus.StopIteration;
  }

  #read(stream: FilterStream, walk: HeldBody, { bytes }: BodyChunk, endStream: boolean): DataStatus {
    if (!stream.scratch[this.#slot]) return DataStatus.Continue;
    return endStream ? this.#finish(stream, walk, bytes) : DataStatus.StopIterationAndBuffer;
  }

  /** `last`: what of the body is not held. */
  #finish(stream: FilterStream, walk: HeldBody, last: Buffer): DataStatus {
    const side = stream.scratch[this.#slot] as Direction | null | undefined;
    if (side === null || side === undefined) return DataStatus.Continue;
    stream.scratch[this.#slot] = null;
    side.apply(stream, Buffer.concat([...walk.held, last]));
    return DataStatus.Continue;
  }
}

class Config {
  readonly request: Direction | null;
  readonly response: Direction | null;

  constructor({ request, response }: JsonToMetadataSpec, deps: FilterDeps) {
    // Envoy has the stats of both whether there are rules or not.
    const rq = new Stats("rq", deps);
    const rs = new Stats("resp", deps);
    this.request = request === null ? null : new Direction(request, rq);
    this.response = response === null ? null : new Direction(response, rs);
  }
}

class Direction {
  readonly #types: ReadonlySet<string>;
  readonly #typeRegex: Regex | null;
  readonly #allowsNone: boolean;
  readonly #rules: JsonRules;
  readonly #stats: Stats;

  constructor(spec: JsonRulesSpec, stats: Stats) {
    this.#types = new Set(spec.contentTypes.map(wire));
    this.#typeRegex = spec.contentTypeRegex === null ? null : new Regex(spec.contentTypeRegex);
    this.#allowsNone = spec.allowsNoContentType;
    this.#rules = new JsonRules(spec.rules);
    this.#stats = stats;
  }

  /** Whether the body is one to read. */
  accepts(head: HeaderBlock): boolean {
    const type = head.get(Known["content-type"]) ?? "";
    return type === "" ? this.#allowsNone : this.#types.has(type) || this.#typeRegex?.matches(type) === true;
  }

  apply({ info }: FilterStream, body: Buffer | null): void {
    this.#stats.count(this.#rules.apply(body, info));
  }
}

class Stats {
  readonly #values: Float64Array;
  readonly #slots: Record<(typeof statNames)[number], number>;

  constructor(direction: "rq" | "resp", { slab }: FilterDeps) {
    this.#values = slab.values;
    this.#slots = filterCounters(slab, `json_to_metadata.${direction}.`, statNames);
  }

  count(name: (typeof statNames)[number]): void {
    this.#values[this.#slots[name]]++;
  }
}

const statNames = ["success", "mismatched_content_type", "no_body", "invalid_json_body"] as const;
const empty = Buffer.alloc(0);
