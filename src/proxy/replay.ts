import type { HeaderBlock, RequestHead } from "../http/header-block.ts";
import type { Iteration } from "./iteration.ts";
import { admitRequest } from "./request-admission.ts";
import type { Stream } from "./stream.ts";

/** A request that is complete goes to the filters again, its head changed by a redirect. Envoy: recreateStream. */
export function replayRequest(
  stream: Stream,
  walk: Iteration<RequestHead, HeaderBlock>,
  body: Buffer,
  trailers: HeaderBlock | null,
): void {
  const { request, info } = stream;
  stream.adopt(request);
  if (!admitRequest(stream, request, true)) return;
  info.bytesReceived += body.length;
  walk.head(request, body.length === 0 && trailers === null);
  if (body.length > 0 && stream.isLive) walk.data(body, trailers === null);
  if (trailers !== null && stream.isLive) walk.trailers(trailers);
}
