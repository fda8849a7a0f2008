import { parseAbsoluteUrl } from "../../http/absolute-url.ts";
import type { RequestHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { localReply } from "../../observability/local-replies.ts";
import { StringMatcher } from "../../router/matchers.ts";
import type { PerFilter } from "../../router/route.ts";
import { isInFraction } from "../../router/runtime-fraction.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeConfig } from "../route-config.ts";
import type { CsrfPolicySpec } from "./parse.ts";

/** Refuses requests that change something and come from a page of another origin. Envoy: CsrfFilter. */
export class CsrfFilter implements Filter {
  readonly #slot: number;
  readonly #policy: CsrfPolicy;
  readonly #deps: FilterDeps;
  readonly #values: Float64Array;
  readonly #stats: Record<"missing_source_origin" | "request_invalid" | "request_valid", number>;

  constructor(spec: CsrfPolicySpec, slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#policy = linkPolicy(spec);
    this.#deps = deps;
    this.#values = deps.slab.values;
    this.#stats = filterCounters(deps.slab, `${deps.statPrefix}csrf.`, [
      "missing_source_origin",
      "request_invalid",
      "request_valid",
    ]);
  }

  linkRoute(perFilter: PerFilter, name: string): CsrfPolicy | null {
    const spec = routeConfig<CsrfPolicySpec>(perFilter, name);
    return spec === null ? null : linkPolicy(spec);
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    const policy = (stream.override(this.#slot) as CsrfPolicy | null) ?? this.#policy;
    const { filterEnabled, shadowEnabled } = policy.spec;
    const { runtime } = this.#deps;
    const isEnabled = filterEnabled === null || isInFraction(filterEnabled, runtime, Math.random());
    if (!isEnabled && (shadowEnabled === null || !isInFraction(shadowEnabled, runtime, Math.random()))) {
      return HeadersStatus.Continue;
    }
    if (!changing.has(head.method)) return HeadersStatus.Continue;
    const origin = head.get(Known.origin);
    // Opaque origins (RFC 6454) are no origin, whatever the referer.
    const source = origin === "null" ? "" : hostAndPort(origin) || hostAndPort(head.get(Known.referer));
    if (source === "") this.#values[this.#stats.missing_source_origin]++;
    else if (source === hostAndPort(head.authority) || policy.origins.some((matcher) => matcher.matches(source))) {
      this.#values[this.#stats.request_valid]++;
      return HeadersStatus.Continue;
    } else this.#values[this.#stats.request_invalid]++;
    if (!isEnabled) return HeadersStatus.Continue;
    stream.sendLocalReply(mismatch);
    return HeadersStatus.StopIteration;
  }
}

interface CsrfPolicy {
  spec: CsrfPolicySpec;
  origins: readonly StringMatcher[];
}

function linkPolicy(spec: CsrfPolicySpec): CsrfPolicy {
  return { spec, origins: spec.additionalOrigins.map((origin) => new StringMatcher(origin)) };
}

/** Of an absolute URL; what is none counts as it is. */
function hostAndPort(text: string | null): string {
  return text === null ? "" : (parseAbsoluteUrl(text)?.authority ?? text);
}

const changing = new Set(["POST", "PUT", "DELETE", "PATCH"]);
const mismatch = localReply(403, "Invalid origin", "csrf_origin_mismatch");
