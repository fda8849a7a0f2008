import { parseAbsoluteUrl } from "../../http/absolute-url.ts";
import type { ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import type { FilterStateObject } from "../../observability/filter-state.ts";
import type { StatsSlab } from "../../observability/stats.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import { HeaderMutations } from "../../router/header-mutation.ts";
import { Redirect } from "../../router/rewrite.ts";
import { compileTemplate } from "../../router/template-value.ts";
import { type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { RedirectPolicySpec } from "./parse-redirect.ts";

/** Gets the answer somewhere else, by the routes. Envoy: RedirectPolicy. */
export class RedirectPolicy {
  readonly #spec: RedirectPolicySpec;
  readonly #redirect: Redirect | null;
  readonly #requestHeaders: HeaderMutations;
  readonly #responseHeaders: HeaderMutations;
  readonly #values: Float64Array;
  readonly #stats: Record<(typeof statNames)[number], number>;

  constructor(spec: RedirectPolicySpec, slab: StatsSlab, statPrefix: string) {
    this.#spec = spec;
    this.#redirect =
      typeof spec.to === "string" ? null : new Redirect(spec.to, { kind: "prefix", value: "/" }, compileTemplate);
    this.#requestHeaders = new HeaderMutations(spec.requestHeadersToAdd, [], compileTemplate);
    this.#responseHeaders = new HeaderMutations(spec.responseHeadersToAdd, [], compileTemplate);
    this.#values = slab.values;
    this.#stats = filterCounters(slab, statPrefix, statNames);
  }

  /** `sawRequest`: false where a filter in front answered. */
  respond(stream: FilterStream, head: ResponseHead, sawRequest: boolean): HeadersStatus {
    if (!sawRequest) return HeadersStatus.Continue;
    const { request, info } = stream;
    const { scheme, authority, path } = request;
    const target = parseAbsoluteUrl(this.#redirect?.locationFor(request, info, 0) ?? (this.#spec.to as string));
    if (target === null) {
      this.#values[this.#stats.custom_response_invalid_uri]++;
      return HeadersStatus.Continue;
    }
    request.scheme = target.scheme;
    request.authority = target.authority;
    request.path = target.target;
    this.#requestHeaders.apply(request, info);
    stream.refreshRoute();
    if (stream.route === null) {
      this.#values[this.#stats.custom_response_redirect_no_route]++;
      // The fields that were added stay, as in Envoy.
      request.scheme = scheme;
      request.authority = authority;
      request.path = path;
      return HeadersStatus.Continue;
    }
    // Envoy makes GET of HEAD too, whose answer then has a body that no client expects.
    if (request.method !== "HEAD") request.method = "GET";
    request.remove("content-length", Known["content-length"]);
    if (!stream.isRequestComplete) return HeadersStatus.Continue;
    info.filterState ??= new Map();
    info.filterState.set(redirectKey, new Redirected(this, head.status));
    stream.recreate();
    return HeadersStatus.StopIteration;
  }

  /** The other answer has come. `status`: of the first. */
  finish(head: ResponseHead, info: StreamInfo, status: number): void {
    this.#responseHeaders.apply(head, info);
    head.status = this.#spec.status || status;
  }
}

/** That a request was made by a policy: its answer is not replaced again. Envoy: CustomResponseFilterState. */
export class Redirected implements FilterStateObject {
  readonly isOfRequest = true;
  readonly #policy: RedirectPolicy;
  readonly #status: number;

  constructor(policy: RedirectPolicy, status: number) {
    this.#policy = policy;
    this.#status = status;
  }

  onAnswer(head: ResponseHead, info: StreamInfo): void {
    this.#policy.finish(head, info, this.#status);
  }

  text(): null {
    return null;
  }

  fields(): null {
    return null;
  }

  hashText(): null {
    return null;
  }
}

/** Of `Redirected` in the filter state. */
export const redirectKey = "envoy.filters.http.custom_response";
const statNames = ["custom_response_redirect_no_route", "custom_response_invalid_uri"] as const;
