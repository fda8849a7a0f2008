import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import { cookieValue } from "../../router/matchers.ts";
import { RegexRewrite } from "../../router/rewrite.ts";
import type { PerFilter } from "../../router/route.ts";
import { wire } from "../../router/text.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeConfig } from "../route-config.ts";
import type { HeaderToMetadataSpec, KeyValueSpec, MetadataRuleSpec } from "./parse.ts";
import { protobufValue } from "./protobuf-value.ts";
import { decodeBase64, simpleAtod } from "./value.ts";

/** Makes dynamic metadata of header fields and cookies. Envoy: HeaderToMetadataFilter. */
export class HeaderToMetadataFilter implements Filter {
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #own: Config;

  constructor(spec: HeaderToMetadataSpec, slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#deps = deps;
    this.#own = new Config(spec, deps);
  }

  linkRoute(perFilter: PerFilter, name: string): Config | null {
    const spec = routeConfig<HeaderToMetadataSpec>(perFilter, name);
    return spec === null ? null : new Config(spec, this.#deps);
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    this.#configOf(stream).request.apply(head, stream.info);
    return HeadersStatus.Continue;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead): HeadersStatus {
    this.#configOf(stream).response.apply(head, stream.info);
    return HeadersStatus.Continue;
  }

  #configOf(stream: FilterStream): Config {
    return (stream.override(this.#slot) as Config | null) ?? this.#own;
  }
}

class Config {
  readonly request: Rules;
  readonly response: Rules;

  constructor({ request, response, statPrefix }: HeaderToMetadataSpec, deps: FilterDeps) {
    const stats = statPrefix === "" ? null : new Stats(statPrefix, deps);
    this.request = new Rules(request, stats, "request");
    this.response = new Rules(response, stats, "response");
  }
}

/** The rules of one direction. */
class Rules {
  readonly #rules: readonly { spec: MetadataRuleSpec; rewrite: RegexRewrite | null }[];
  readonly #stats: Stats | null;
  readonly #direction: "request" | "response";

  constructor(specs: readonly MetadataRuleSpec[], stats: Stats | null, direction: "request" | "response") {
    this.#rules = specs.map((spec) => ({
      spec,
      rewrite: spec.rewrite === null ? null : new RegexRewrite(spec.rewrite),
    }));
    this.#stats = stats;
    this.#direction = direction;
  }

  /** What all rules find is said at once, when they are through. */
  apply(head: HeaderBlock, info: StreamInfo): void {
    if (this.#rules.length === 0) return;
    let found: Map<string, Record<string, unknown>> | null = null;
    for (const { spec, rewrite } of this.#rules) {
      this.#count("rules_processed");
      const value = extract(spec, head);
      const pair = value === null ? spec.onMissing : spec.onPresent;
      if (pair === null) continue;
      if (value === null) this.#count("header_not_found");
      const made = this.#valueOf(pair, value ?? "", rewrite);
      if (made === undefined) continue;
      found ??= new Map();
      const fields = found.get(pair.namespace);
      if (fields === undefined) found.set(pair.namespace, { [pair.key]: made });
      else fields[pair.key] = made;
      this.#count("metadata_added");
    }
    if (found !== null) for (const [namespace, fields] of found) info.addMetadata(namespace, fields);
  }

  /** undefined: there is nothing to say. */
  #valueOf(pair: KeyValueSpec, found: string, rewrite: RegexRewrite | null): unknown {
    let value = pair.value === "" ? found : wire(pair.value);
    if (pair.value === "" && rewrite !== null) {
      value = rewrite.apply(found);
      if (value === "" && found !== "") this.#stats?.count("regex_substitution_failed");
    }
    if (value === "") return undefined;
    if (value.length >= maxValueBytes) {
      this.#stats?.count("header_value_too_long");
      return undefined;
    }
    const bytes = pair.isBase64 ? decodeBase64(value) : Buffer.from(value, "latin1");
    if (bytes === null || bytes.length === 0) {
      this.#stats?.count("base64_decode_failed");
      return undefined;
    }
    switch (pair.type) {
      case "STRING":
        return bytes.toString();
      case "NUMBER":
        return simpleAtod(bytes.latin1Slice()) ?? undefined;
      case "PROTOBUF_VALUE":
        return protobufValue(bytes);
    }
  }

  #count(event: Event): void {
    this.#stats?.count(`${this.#direction}_${event}`);
  }
}

class Stats {
  readonly #values: Float64Array;
  readonly #slots: Record<(typeof statNames)[number], number>;

  constructor(prefix: string, { slab }: FilterDeps) {
    this.#values = slab.values;
    this.#slots = filterCounters(slab, `http_filter_name.${prefix}.`, statNames);
  }

  count(name: (typeof statNames)[number]): void {
    this.#values[this.#slots[name]]++;
  }
}

/** The value of a header, several as one, or a cookie that is not empty; null without. */
function extract({ from, name, removes }: MetadataRuleSpec, head: HeaderBlock): string | null {
  if (from === "cookie") return cookieValue(head, name) || null;
  const value = head.joined(name);
  if (value !== null && removes) head.remove(name);
  return value;
}

type Event = "rules_processed" | "metadata_added" | "header_not_found";
/** Envoy: MAX_HEADER_VALUE_LEN. */
const maxValueBytes = 8 * 1024;
const statNames = [
  "request_rules_processed",
  "response_rules_processed",
  "request_metadata_added",
  "response_metadata_added",
  "request_header_not_found",
  "response_header_not_found",
  "base64_decode_failed",
  "header_value_too_long",
  "regex_substitution_failed",
] as const;
