import type { RequestHead } from "../../http/header-block.ts";
import { eventClock } from "../../net/event-clock.ts";
import { type LocalReply, localReply } from "../../observability/local-replies.ts";
import type { PerFilter } from "../../router/route.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { FilterDeps } from "../linkers.ts";
import { originalUri } from "../original-uri.ts";
import { routeConfig } from "../route-config.ts";
import { applyToken, applyVerdict, sanitizeOf } from "./effects.ts";
import { Provider } from "./providers.ts";
import { linkRequirement, type ProviderRequirement, type Requirement } from "./requirements.ts";
import { RuleMatcher } from "./rule-matcher.ts";
import type { JwtAuthnSpec, JwtPerRouteSpec, RequirementSpec } from "./spec.ts";
import { JwtStatus } from "./status.ts";
import { isIssuer, TokenPlaces } from "./token-places.ts";
import { type ProviderSet, Verification } from "./verification.ts";

/** Asks for JSON Web Tokens (RFC 7519). Envoy: JwtAuthn::Filter. */
export class JwtAuthnFilter implements Filter, ProviderSet {
  readonly #slot: number;
  readonly #spec: JwtAuthnSpec;
  readonly #rules: { matcher: RuleMatcher; requirement: Requirement | null }[];
  readonly #byState: ReadonlyMap<string, Requirement>;
  readonly #byName: ReadonlyMap<string, Requirement>;
  readonly #values: Float64Array;
  readonly #stats: Record<(typeof counters)[number], number>;
  readonly all: readonly Provider[];
  readonly places: TokenPlaces;

  constructor(spec: JwtAuthnSpec, slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#spec = spec;
    const prefix = `${deps.statPrefix}jwt_authn.${spec.statPrefix === "" ? "" : `${spec.statPrefix}.`}`;
    this.#values = deps.slab.values;
    this.#stats = filterCounters(deps.slab, prefix, counters);
    this.all = spec.providers.map((one) => new Provider(one, deps, prefix));
    this.places = new TokenPlaces(spec.providers);
    const providers = new Map(this.all.map((one) => [one.spec.name, one]));
    const link = (one: RequirementSpec) => linkRequirement(one, providers);
    const linkMap = (map: Record<string, RequirementSpec>) =>
      new Map(Object.entries(map).map(([name, one]) => [name, link(one)]));
    this.#byName = linkMap(spec.requirements);
    this.#byState = linkMap(spec.filterState?.requires ?? {});
    this.#rules = spec.rules.map(({ match, requirement }) => ({
      matcher: new RuleMatcher(match, deps.runtime),
      requirement: requirement === null ? null : link(requirement),
    }));
  }

  linkRoute(perFilter: PerFilter, name: string): PerRoute | null {
    const spec = routeConfig<JwtPerRouteSpec>(perFilter, name);
    if (spec === null) return null;
    const { disabled, requirementName } = spec;
    if (disabled || requirementName === "") return { requirement: null, fault: null };
    const requirement = this.#byName.get(requirementName);
    if (requirement !== undefined) return { requirement, fault: null };
    const fault = `Wrong requirement_name: ${requirementName}. It should be one of [${[...this.#byName.keys()].sort().join(",")}]`;
    return { requirement: null, fault };
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    if (this.#spec.bypassesCorsPreflight && isCorsPreflight(head)) {
      this.#values[this.#stats.cors_preflight_bypassed]++;
      this.#values[this.#stats.allowed]++;
      return HeadersStatus.Continue;
    }
    const perRoute = stream.override(this.#slot) as PerRoute | null;
    if (perRoute !== null && perRoute.fault !== null) {
      this.#values[this.#stats.denied]++;
      stream.sendLocalReply(localReply(403, `Failed JWT authentication: ${perRoute.fault}`, detailsOf(perRoute.fault)));
      return HeadersStatus.StopIteration;
    }
    const requirement = perRoute === null ? this.#requirementFor(stream, head) : perRoute.requirement;
    if (requirement === null) {
      this.#values[this.#stats.allowed]++;
      return HeadersStatus.Continue;
    }
    return this.#verify(requirement, stream, head);
  }

  onDestroy(stream: FilterStream): void {
    (stream.scratch[this.#slot] as Verification | undefined)?.cancel();
  }

  // For verifications.

  byIssuer(issuer: string): Provider | null {
    return (
      this.all.find(({ spec }) => spec.issuer === issuer && issuer !== "") ??
      this.all.find(({ spec }) => spec.issuer === "") ??
      null
    );
  }

  /** Envoy without a cache counts each token as missed. */
  onLookup({ spec }: Provider, text: string, isKnown: boolean): void {
    const isHit = isKnown && spec.cache !== null && text.length <= spec.cache.maxTokenBytes;
    this.#values[isHit ? this.#stats.jwt_cache_hit : this.#stats.jwt_cache_miss]++;
  }

  #requirementFor(stream: FilterStream, head: RequestHead): Requirement | null {
    for (const { matcher, requirement } of this.#rules) if (matcher.matches(head, stream.info)) return requirement;
    const { filterState } = this.#spec;
    if (filterState === null) return null;
    const state = stream.info.filterState?.get(filterState.key)?.text() ?? null;
    return state === null ? null : (this.#byState.get(state) ?? null);
  }

  #verify(requirement: Requirement, stream: FilterStream, head: RequestHead): HeadersStatus {
    if (requirement.kind === "provider") {
      sanitizeOf(head, requirement.provider.spec);
      if (this.#isKnown(requirement, stream, head)) return HeadersStatus.Continue;
    } else for (const one of this.#spec.providers) sanitizeOf(head, one);
    const verification = new Verification(requirement, head, this, (status) => {
      stream.scratch[this.#slot] = undefined;
      if (this.#finish(status, verification, stream, head)) stream.continueRequest(this.#slot);
    });
    const status = verification.start();
    if (status === null) {
      stream.scratch[this.#slot] = verification;
      return HeadersStatus.StopAllIterationAndWatermark;
    }
    return this.#finish(status, verification, stream, head) ? HeadersStatus.Continue : HeadersStatus.StopIteration;
  }

  /** The way of most requests: one token, and it is known. False: nothing was done. */
  #isKnown({ provider, places, audiences }: ProviderRequirement, stream: FilterStream, head: RequestHead): boolean {
    const tokens = places.find(head);
    const token = tokens[0];
    if (token === undefined || tokens.length > 1) return false;
    const jwt = provider.knownGood(token.text);
    if (jwt === null || !isIssuer(token, jwt)) return false;
    if (provider.checkClaims(jwt, audiences, Math.floor(eventClock.wallNow / 1000)) !== JwtStatus.ok) return false;
    this.onLookup(provider, token.text, true);
    this.#values[this.#stats.allowed]++;
    if (applyToken(stream, head, provider.spec, jwt, token)) stream.refreshRoute();
    return true;
  }

  /** False: the request was answered. */
  #finish(status: JwtStatus, { verdict }: Verification, stream: FilterStream, head: RequestHead): boolean {
    if (verdict.good.length + verdict.failed.length > 0) applyVerdict(stream, head, verdict);
    if (status === JwtStatus.ok) {
      this.#values[this.#stats.allowed]++;
      return true;
    }
    this.#values[this.#stats.denied]++;
    const strips = this.#spec.stripsFailureResponse;
    stream.sendLocalReply(this.#denial(status, strips), (reply) => {
      if (strips) return;
      const error = status === JwtStatus.missing ? "" : ', error="invalid_token"';
      reply.set("www-authenticate", `Bearer realm="${originalUri(head)}"${error}`);
    });
    return false;
  }

  #denial(status: JwtStatus, strips: boolean): LocalReply {
    return localReply(status === JwtStatus.audience ? 403 : 401, strips ? "" : status, detailsOf(status));
  }
}

interface PerRoute {
  requirement: Requirement | null;
  /** It names no requirement that there is. */
  fault: string | null;
}

function isCorsPreflight(head: RequestHead): boolean {
  return head.method === "OPTIONS" && !!head.find("origin") && !!head.find("access-control-request-method");
}

function detailsOf(text: string): string {
  return `jwt_authn_access_denied{${text.replaceAll(" ", "_")}}`;
}

const counters = ["allowed", "cors_preflight_bypassed", "denied", "jwt_cache_hit", "jwt_cache_miss"] as const;
