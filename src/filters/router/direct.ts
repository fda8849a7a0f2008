import type { RequestHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { localReply } from "../../observability/local-replies.ts";
import type { Route } from "../../router/route.ts";
import type { TerminalStream } from "../api.ts";

/** Answers a route that needs no upstream: a redirect, a direct response, or one that does not forward. */
export function answerWithoutUpstream(stream: TerminalStream, route: Route, head: RequestHead): void {
  const { status } = route;
  const needsLocation = route.kind === "redirect" || status === 201 || (status >= 300 && status < 400);
  const location = needsLocation ? route.locationFor(head, stream.info) : "";
  stream.sendLocalReply(localReply(status, route.directBody(stream.info), route.replyDetails), (reply) => {
    if (needsLocation) reply.set("location", location, Known.location);
    if (route.bodyContentType !== "") reply.set("content-type", route.bodyContentType, Known["content-type"]);
  });
}
