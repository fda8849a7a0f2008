import { type RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import type { PerFilter } from "../../router/route.ts";
import { legacyCors } from "../../router/spec.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { FilterDeps } from "../linkers.ts";
import type { CorsPolicySpec } from "./parse.ts";
import { CorsPolicy } from "./policy.ts";

/** Answers preflights and says on responses which origins may read them (Fetch standard, "CORS protocol"). Envoy: CorsFilter. */
export class CorsFilter implements Filter {
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #values: Float64Array;
  readonly #stats: Record<"origin_valid" | "origin_invalid", number>;

  constructor(slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#deps = deps;
    this.#values = deps.slab.values;
    this.#stats = filterCounters(deps.slab, `${deps.statPrefix}cors.`, ["origin_valid", "origin_invalid"]);
  }

  /** The deprecated fields count only where no level has a policy. */
  linkRoute(perFilter: PerFilter, name: string): CorsPolicy | null {
    const typed = (perFilter.get(name) ?? []).filter(({ type }) => policyTypes.has(type));
    const levels = typed.length > 0 ? typed : (perFilter.get(legacyCors) ?? []);
    if (levels.length === 0) return null;
    return new CorsPolicy(
      levels.map(({ config }) => config as CorsPolicySpec),
      this.#deps.runtime,
    );
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    const origin = head.get(Known.origin);
    const policy = policyOf(stream, this.#slot);
    if (policy === null || origin === null || origin === "") return HeadersStatus.Continue;
    const isEnabled = policy.isEnabled();
    if (!isEnabled && !policy.isShadowEnabled()) return HeadersStatus.Continue;
    const isAllowed = policy.allows(origin);
    this.#values[isAllowed ? this.#stats.origin_valid : this.#stats.origin_invalid]++;
    if (!isEnabled) return HeadersStatus.Continue;
    // What responses are told; nothing to an origin that is not allowed.
    if (isAllowed) stream.scratch[this.#slot] = origin;
    const method = head.find("access-control-request-method");
    if (head.method !== "OPTIONS" || method === null || method === "") return HeadersStatus.Continue;
    if (!isAllowed && policy.forwardNotMatchingPreflights) return HeadersStatus.Continue;
    stream.answer(preflightAnswer(policy, head, isAllowed ? origin : null, method), "cors_response");
    return HeadersStatus.StopIteration;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead): HeadersStatus {
    const origin = stream.scratch[this.#slot] as string | undefined;
    const policy = origin === undefined ? null : policyOf(stream, this.#slot);
    if (origin === undefined || policy === null) return HeadersStatus.Continue;
    head.set("access-control-allow-origin", origin);
    if (policy.allowCredentials) head.set("access-control-allow-credentials", "true");
    if (policy.exposeHeaders !== "") head.set("access-control-expose-headers", policy.exposeHeaders);
    return HeadersStatus.Continue;
  }
}

/** Of routes that forward: Envoy does no CORS for redirects and direct responses. */
function policyOf(stream: FilterStream, slot: number): CorsPolicy | null {
  return stream.route?.kind === "cluster" ? (stream.override(slot) as CorsPolicy | null) : null;
}

/** `origin` null: one that is not allowed. */
function preflightAnswer(
  policy: CorsPolicy,
  request: RequestHead,
  origin: string | null,
  method: string,
): ResponseHead {
  const head = new ResponseHead();
  head.status = 200;
  if (origin !== null) head.append("access-control-allow-origin", origin);
  if (policy.allowCredentials) head.append("access-control-allow-credentials", "true");
  if (policy.allowMethods !== "") {
    head.append("access-control-allow-methods", policy.allowMethods === "*" ? method : policy.allowMethods);
  }
  if (policy.allowHeaders !== "") {
    const asked = request.find("access-control-request-headers") ?? "";
    head.append("access-control-allow-headers", policy.allowHeaders === "*" ? asked : policy.allowHeaders);
  }
  if (policy.maxAge !== "") head.append("access-control-max-age", policy.maxAge);
  if (policy.allowPrivateNetworkAccess && request.find("access-control-request-private-network") === "true") {
    head.append("access-control-allow-private-network", "true");
  }
  return head;
}

/** The messages of a policy, by full name. */
const policyTypes = new Set([
  "envoy.extensions.filters.http.cors.v3.CorsPolicy",
  "envoy.extensions.filters.http.cors.v3.Cors",
]);
