import { localReplies } from "../observability/local-replies.ts";
import { type Filter, type FilterStream, HeadersStatus } from "./api.ts";

/** Stands where a filter's config has not come by ECDS and none is configured for that case. Envoy: MissingConfigFilter. */
export class MissingFilter implements Filter {
  onRequestHead(stream: FilterStream): HeadersStatus {
    stream.sendLocalReply(localReplies.noFilterConfig);
    return HeadersStatus.StopIteration;
  }
}
