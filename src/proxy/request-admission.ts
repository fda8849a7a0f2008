import { hostOf, portOf, stripPort, stripTrailingDot } from "../http/authority.ts";
import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import { localReplies, localReply } from "../observability/local-replies.ts";
import type { Route } from "../router/route.ts";
import { treatPath } from "./path-policy.ts";
import type { HcmSpec } from "./spec.ts";
import type { Stream } from "./stream.ts";
import { upgradeType } from "./upgrade.ts";

/** The route of a request and the filters behind `slot` that it runs through: of all, -1, or of one that a filter holds. */
export function chooseRoute(stream: Stream, head: RequestHead, slot: number): Route | null {
  const route = stream.hcm.routeFor(head, stream.info);
  stream.route = route;
  stream.useFilters(route === null ? 0 : route.filters.variant, slot);
  stream.info.noteRoute(route);
  return route;
}

/**
 * The connection manager's checks of a request head, in Envoy's order (ConnectionManagerImpl::ActiveStream::decodeHeaders):
 * host, path, normalisation, header policy, route, upgrade. False: it was answered. `isRedirected`: the proxy made it of one that
 * was admitted.
 */
export function admitRequest(stream: Stream, head: RequestHead, isRedirected: boolean): boolean {
  const connection = stream.connection;
  const hcm = stream.hcm;
  const spec = hcm.spec;
  const isConnect = head.method === "CONNECT";
  if (!isConnect) {
    if (head.path.charCodeAt(0) !== 47) {
      hcm.stats.count("downstream_rq_non_relative_path");
      stream.sendLocalReply(head.path === "" ? localReplies.missingPath : localReplies.absolutePath);
      return false;
    }
    const result = treatPath(head.path, spec);
    head.path = result.path;
    if (result.action === "reject") {
      hcm.stats.count("downstream_rq_failed_path_normalization");
      connection.closeAfterResponse();
      stream.sendLocalReply(localReplies.pathNormalizationFailed);
      return false;
    }
    if (result.action === "redirect") {
      hcm.stats.count("downstream_rq_redirected_with_normalized_path");
      const location = result.path;
      stream.sendLocalReply(localReplies.pathNormalizationRedirect, (reply) => reply.set("location", location));
      return false;
    }
  }
  if (spec.stripTrailingHostDot) head.authority = stripTrailingDot(head.authority);
  head.authority = strippedPort(head.authority, spec.stripPort, connection.addresses.localPort);
  if (hcm.answersMisdirected && connection.tls !== null && !connection.tls.covers(hostOf(head.authority))) {
    stream.sendLocalReply(localReplies.misdirectedRequest);
    return false;
  }
  // Envoy 1.40: a QUERY must say what its content is.
  if (head.method === "QUERY" && !head.has(Known["content-type"])) {
    connection.closeAfterResponse();
    stream.sendLocalReply(localReplies.queryMissingContentType);
    return false;
  }
  const upgrade = head.has(Known.upgrade) ? upgradeType(head) : "";
  if (head.has(Known.expect) && !spec.proxy100Continue && head.get(Known.expect)?.toLowerCase() === "100-continue") {
    stream.answer100Continue();
    head.remove("expect", Known.expect);
  }
  if (!isRedirected) {
    const internalOnly = hcm.internalOnlyHeaders(head);
    const refusedWith = hcm.requestPolicy.apply(head, stream.info, connection, upgrade !== "", internalOnly);
    if (refusedWith !== 0) {
      stream.sendLocalReply(localReply(refusedWith, "", "rejecting_because_detection_failed"));
      return false;
    }
  }
  const route = chooseRoute(stream, head, -1);
  if (upgrade !== "" && !hcm.allowsUpgrade(upgrade, route)) {
    hcm.stats.count("downstream_rq_ws_on_non_ws_route");
    connection.closeAfterResponse();
    stream.sendLocalReply(localReplies.upgradeFailed);
    return false;
  }
  return true;
}

/** Host as strip_any_host_port or strip_matching_host_port leaves it. */
export function strippedPort(authority: string, strips: HcmSpec["stripPort"], localPort: number): string {
  if (strips === "NONE") return authority;
  return stripPort(authority, strips === "ANY" ? portOf(authority) : localPort);
}
