import type { RequestHead } from "../http/header-block.ts";
import { CidrSet } from "../net/cidr.ts";
import { maskedAddress, metadataAt } from "../observability/format-values.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { HeaderMatcher, QueryMatcher, queryValue } from "./matchers.ts";
import type { RateLimitActionSpec, RateLimitOverride, RateLimitSpec } from "./rate-limit-spec.ts";
import type { Route } from "./route.ts";
import { isInFraction, type RuntimeLookup } from "./runtime-fraction.ts";
import { TemplateValue } from "./template-value.ts";

/** What a request is counted as. */
export interface RateLimitDescriptor {
  entries: readonly (readonly [key: string, value: string])[];
  /** How many requests it counts for; null where the config does not say. */
  hits: number | null;
  /** They are given back. */
  isNegative: boolean;
  /** Of the ratelimit filter: instead of the service's; null for that. */
  limit: RateLimitOverride | null;
}

/** What descriptors are made of. */
export interface DescribedRequest {
  head: RequestHead;
  info: StreamInfo;
  route: Route | null;
  /** node.cluster */
  nodeCluster: string;
}

/** One level's rate_limits. Envoy: RateLimitPolicyImpl. */
export class RateLimits {
  readonly #entries: readonly {
    spec: RateLimitSpec;
    actions: readonly Action[];
    hits: number | TemplateValue | null;
  }[];

  /** `readsHits`: hits_addend counts, as in the config of filters; in routes and virtual hosts Envoy does not look at it. */
  constructor(specs: readonly RateLimitSpec[], readsHits: boolean) {
    this.#entries = specs.map((spec) => ({
      spec,
      actions: spec.actions.map(linkAction),
      hits: readsHits ? linkHits(spec.hitsAddend) : null,
    }));
  }

  /**
   * Adds the descriptors of a stage. An action without a value takes its descriptor away. `runtime`: null for those that do not ask it
   * for disable_key.
   */
  describe(stage: number, request: DescribedRequest, into: RateLimitDescriptor[], runtime: RuntimeLookup | null): void {
    for (const { spec, actions, hits } of this.#entries) {
      if (spec.stage !== stage || (runtime !== null && isDisabled(spec.disableKey, runtime))) continue;
      const entries: [string, string][] = [];
      if (!actions.every((action) => action(request, entries)) || entries.length === 0) continue;
      const count = hits instanceof TemplateValue ? hitsOf(hits.of(request.info)) : hits;
      // A format that gives no number takes the descriptor away.
      if (count === null && hits !== null) continue;
      into.push({
        entries,
        hits: count,
        isNegative: hits !== null && spec.hasNegativeHits,
        limit: Array.isArray(spec.limit) ? limitAt(request.info, spec.limit) : spec.limit,
      });
    }
  }
}

function linkHits(hits: RateLimitSpec["hitsAddend"]): number | TemplateValue | null {
  return typeof hits === "string" ? new TemplateValue(hits) : hits;
}

function isDisabled(key: string, runtime: RuntimeLookup): boolean {
  const fraction = { runtimeKey: `ratelimit.${key}.http_filter_enabled`, numerator: 100, denominator: 100 };
  return key !== "" && !isInFraction(fraction, runtime, Math.random());
}

/** type.v3.RateLimitUnit, which workers have no other need of. */
export const rateLimitUnits = { UNKNOWN: 0, SECOND: 1, MINUTE: 2, HOUR: 3, DAY: 4, MONTH: 5, YEAR: 6 } as const;

/** null where it is none: the service's limit counts. */
function limitAt(info: StreamInfo, path: readonly string[]): RateLimitOverride | null {
  const value = metadataAt(info.dynamicMetadata, path);
  if (typeof value !== "object" || value === null) return null;
  const { requests_per_unit: requestsPerUnit, unit: name } = value as Record<string, unknown>;
  const unit = rateLimitUnits[name as keyof typeof rateLimitUnits];
  return typeof requestsPerUnit === "number" && unit !== undefined ? { requestsPerUnit, unit } : null;
}

/** False: there is no descriptor. */
type Action = (request: DescribedRequest, entries: [string, string][]) => boolean;

function linkAction(spec: RateLimitActionSpec): Action {
  switch (spec.kind) {
    case "sourceCluster":
      return (request, entries) => push(entries, "source_cluster", request.nodeCluster);
    case "destinationCluster":
      return ({ route, head }, entries) => push(entries, "destination_cluster", route?.clusterFor(head) ?? "");
    case "requestHeader":
      return ({ head }, entries) => pushOr(entries, spec.key, head.find(spec.name), spec.skipsAbsent);
    case "queryParameter":
      return ({ head }, entries) => pushOr(entries, spec.key, queryValue(head.path, spec.name), spec.skipsAbsent);
    case "remoteAddress":
      return ({ info }, entries) => pushOr(entries, "remote_address", ipOf(info), false);
    case "maskedRemoteAddress":
      return ({ info }, entries) => {
        const address = ipOf(info);
        const value =
          address === null ? null : maskedAddress(address, address.includes(":") ? spec.v6Bits : spec.v4Bits);
        return pushOr(entries, "masked_remote_address", value, false);
      };
    case "genericKey":
      return valueAction(spec, () => true);
    case "headerMatch": {
      const matchers = spec.headers.map((one) => new HeaderMatcher(one));
      return valueAction(spec, ({ head }) => matchers.every((one) => one.matches(head)) === spec.expects);
    }
    case "queryMatch": {
      const matchers = spec.parameters.map((one) => new QueryMatcher(one));
      return valueAction(spec, ({ head }) => matchers.every((one) => one.matches(head)) === spec.expects);
    }
    case "addressMatch": {
      const ranges = new CidrSet(spec.ranges);
      return valueAction(spec, ({ info }) => {
        const address = ipOf(info);
        return address !== null && ranges.has(address) !== spec.invert;
      });
    }
    case "metadata":
      return ({ info }, entries) => {
        const from = spec.source === "DYNAMIC" ? info.dynamicMetadata : info.routeMetadata;
        const value = metadataAt(from, spec.path);
        const text = typeof value === "string" && value !== "" ? value : spec.byDefault;
        return pushOr(entries, spec.key, text === "" ? null : text, spec.skipsAbsent);
      };
  }
}

function valueAction(
  spec: { key: string; value: string; byDefault: string },
  matches: (request: DescribedRequest) => boolean,
): Action {
  const template = new TemplateValue(spec.value, "-");
  return (request, entries) => {
    if (!matches(request)) return false;
    const value = template.of(request.info) || spec.byDefault;
    return pushOr(entries, spec.key, value === "" ? null : value, false);
  };
}

function push(entries: [string, string][], key: string, value: string): boolean {
  entries.push([key, value]);
  return true;
}

function pushOr(entries: [string, string][], key: string, value: string | null, skips: boolean): boolean {
  return value === null ? skips : push(entries, key, value);
}

/** null for what is no IP address, such as a Unix socket. */
function ipOf({ downstreamRemoteAddress }: StreamInfo): string | null {
  const text = downstreamRemoteAddress;
  const end = text.lastIndexOf(":");
  if (end < 0) return null;
  return text.startsWith("[") ? text.slice(1, end - 1) : text.slice(0, end);
}

function hitsOf(text: string): number | null {
  const number = decimal.test(text) ? Number(text) : maxHits + 1;
  return number <= maxHits ? Math.trunc(number) : null;
}

/** What absl::SimpleAtod takes, of numbers that may be hits. */
const decimal = /^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
/** Envoy: RateLimitPolicy::MAX_HITS_ADDEND. */
const maxHits = 1_000_000_000;
