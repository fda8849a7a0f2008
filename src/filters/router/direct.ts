import type { RequestHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { localReplies, localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import type { Route } from "../../router/route.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import type { TerminalStream } from "../api.ts";
import type { ClusterDirectory, RouterStats } from "./router-parts.ts";

/** The cluster that the route leads to; null after answering where it leads to none. */
export function chooseCluster(
  stream: TerminalStream,
  head: RequestHead,
  clusters: ClusterDirectory,
  stats: RouterStats,
): Cluster | null {
  const { route } = stream;
  if (route === null) {
    stats.count("no_route");
    stream.sendLocalReply(localReplies.routeNotFound);
    return null;
  }
  if (route.kind !== "cluster") {
    stats.count("rq_direct_response");
    answerWithoutUpstream(stream, route, head);
    return null;
  }
  const cluster = clusters(route.clusterFor(head));
  if (cluster === null) {
    stats.count("no_cluster");
    stream.sendLocalReply(localReply(route.clusterNotFoundStatus, "", "cluster_not_found", ResponseFlag.NC));
  }
  return cluster;
}

/** Answers a route that needs no upstream: a redirect, a direct response, or one that does not forward. */
function answerWithoutUpstream(stream: TerminalStream, route: Route, head: RequestHead): void {
  const { status } = route;
  const needsLocation = route.kind === "redirect" || status === 201 || (status >= 300 && status < 400);
  const location = needsLocation ? route.locationFor(head, stream.info) : "";
  stream.sendLocalReply(localReply(status, route.directBody(stream.info), route.replyDetails), (reply) => {
    if (needsLocation) reply.set("location", location, Known.location);
    if (route.bodyContentType !== "") reply.set("content-type", route.bodyContentType, Known["content-type"]);
  });
}
