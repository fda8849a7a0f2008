import { parseAbsoluteUrl } from "../../http/absolute-url.ts";
import { copyRequest } from "../../http/copy-head.ts";
import { RequestHead, type ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import type { Route } from "../../router/route.ts";
import type { InternalRedirectSpec } from "../../router/spec.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import type { TerminalStream } from "../api.ts";
import type { Attempt } from "./attempt.ts";
import type { RequestFeed } from "./request-feed.ts";
import type { RouterStats } from "./router-parts.ts";

/**
 * Where a response is a redirect that the route follows, gives up its attempt and lets the request begin again, its head
 * changed; false otherwise. Envoy: Router::Filter::setupRedirect.
 */
export function restartsForRedirect(
  stream: TerminalStream,
  attempt: Attempt,
  feed: RequestFeed,
  head: RequestHead,
  response: ResponseHead,
  cluster: Cluster,
  stats: RouterStats,
): boolean {
  const policy = stream.route?.internalRedirect ?? null;
  if (policy === null || !policy.codes.includes(response.status)) return false;
  const { retries } = cluster.stats;
  const { method } = head;
  if (!feed.isComplete || !feed.isKept || !followRedirect(stream, policy, head, response, stats)) {
    retries.count(retries.redirectFailed);
    return false;
  }
  retries.count(retries.redirectSucceeded);
  const { info } = stream;
  info.details = "internal_redirect";
  info.responseCode = response.status;
  if (head.method !== method) feed.body.reset();
  attempt.abandon();
  stream.restart(feed.body.all(), feed.body.trailers);
  return true;
}

/**
 * Makes of a request's head the one that a redirecting response asks for; false, with the head as it was, where the policy does
 * not allow it. Envoy: Router::Filter::convertRequestHeadersForInternalRedirect.
 */
function followRedirect(
  stream: TerminalStream,
  policy: InternalRedirectSpec,
  head: RequestHead,
  response: ResponseHead,
  stats: RouterStats,
): boolean {
  const location = response.get(Known.location);
  if (location === null) return false;
  const target = parseAbsoluteUrl(location);
  if (target === null) {
    stats.count("passthrough_internal_redirect_bad_location");
    return false;
  }
  const { info } = stream;
  const isPlain = head.scheme === "http" || info.downstreamTls === null;
  const isTargetPlain = target.scheme.toLowerCase() === "http";
  if (!policy.allowCrossScheme && isPlain !== isTargetPlain) {
    stats.count("passthrough_internal_redirect_unsafe_scheme");
    return false;
  }
  if (info.internalRedirects >= policy.maxInternalRedirects) {
    stats.count("passthrough_internal_redirect_too_many_redirects");
    return false;
  }
  const before = new RequestHead();
  copyRequest(head, before);
  copyNamed(policy.headersToCopy, response, head);
  head.scheme = target.scheme;
  head.authority = target.authority;
  head.path = target.target;
  const from = stream.route?.name ?? "";
  const route = stream.routeAgain(head);
  if (route === null || !accepts(policy, info, from, route, isPlain, isTargetPlain)) {
    stats.count(`passthrough_internal_redirect_${route === null ? "no_route" : "predicate"}`);
    head.reset();
    copyRequest(before, head);
    return false;
  }
  // RFC 9110 section 15.4.4: 303 asks for another resource, not for the request again.
  if (response.status === 303 && head.method !== "GET" && head.method !== "HEAD") {
    head.method = "GET";
    head.remove("content-length", Known["content-length"]);
  }
  info.internalRedirects++;
  head.set("x-envoy-original-url", `${isPlain ? "http" : "https"}://${before.authority}${before.path}`);
  return true;
}

/** response_headers_to_copy: a field that the response has not goes. */
function copyNamed(names: readonly string[], response: ResponseHead, head: RequestHead): void {
  for (const name of names) {
    head.remove(name);
    for (let i = 0; i < response.size; i++)
      if (response.names[i] === name) head.append(name, response.values[i] as string);
  }
}

/** `from`: the name of the route that redirects. */
function accepts(
  policy: InternalRedirectSpec,
  info: StreamInfo,
  from: string,
  route: Route,
  isPlain: boolean,
  isTargetPlain: boolean,
): boolean {
  for (const predicate of policy.predicates) {
    switch (predicate.kind) {
      case "previousRoutes": {
        const step = `${from}\0${route.name}`;
        info.redirectSteps ??= new Set();
        if (info.redirectSteps.has(step)) return false;
        info.redirectSteps.add(step);
        break;
      }
      case "allowListedRoutes":
        if (!predicate.names.includes(route.name)) return false;
        break;
      case "safeCrossScheme":
        if (isPlain && !isTargetPlain) return false;
        break;
    }
  }
  return true;
}
