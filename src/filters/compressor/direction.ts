import type { HeaderBlock } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import type { StatsSlab } from "../../observability/stats.ts";
import { StringMatcher } from "../../router/matchers.ts";
import type { CodingCounters } from "../coded-body.ts";
import { filterCounters } from "../counters.ts";
import type { CompressorDirectionSpec } from "./parse.ts";

/** What requests or responses of one config are compressed by. Envoy: CompressorFilterConfig::DirectionConfig. */
export class CompressorDirection {
  readonly spec: CompressorDirectionSpec;
  readonly values: Float64Array;
  readonly stats: Record<(typeof names)[number], number>;
  readonly counters: CodingCounters;
  readonly #types: ReadonlySet<string>;
  readonly #matchers: readonly StringMatcher[];

  constructor(spec: CompressorDirectionSpec, slab: StatsSlab, prefix: string) {
    this.spec = spec;
    this.values = slab.values;
    this.stats = filterCounters(slab, prefix, names);
    this.counters = {
      values: slab.values,
      taken: this.stats.total_uncompressed_bytes,
      given: this.stats.total_compressed_bytes,
    };
    this.#types = new Set(spec.types);
    this.#matchers = spec.typeMatchers.map((one) => new StringMatcher(one));
  }

  /** Counts what is not. What has no length is long enough. */
  isLongEnough(head: HeaderBlock): boolean {
    const length = head.get(Known["content-length"]);
    if (length === null || Number(length) >= this.spec.minBytes) return true;
    this.values[this.stats.content_length_too_small]++;
    return false;
  }

  allowsType(head: HeaderBlock): boolean {
    const type = head.get(Known["content-type"]);
    if (type === null) return true;
    const semicolon = type.indexOf(";");
    const mediaType = (semicolon < 0 ? type : type.slice(0, semicolon)).trim();
    if (this.#types.has(mediaType.toLowerCase())) return true;
    for (const matcher of this.#matchers) if (matcher.matches(mediaType)) return true;
    return false;
  }
}

/** Whether its transfer-encoding says that it is compressed already. */
export function isTransferCoded(head: HeaderBlock): boolean {
  const value = head.get(Known["transfer-encoding"]);
  if (value === null) return false;
  return value.split(",").some((token) => transferCodings.has(token.trim().toLowerCase()));
}

const transferCodings = new Set(["gzip", "br", "deflate", "compress", "zstd"]);
const names = [
  "compressed",
  "not_compressed",
  "total_uncompressed_bytes",
  "total_compressed_bytes",
  "content_length_too_small",
] as const;
