import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import { localIp } from "../net/local-ip.ts";

/** What Envoy adds to requests of its own, and to copies that it sends: to their upstreams they come from the proxy. */
export function markOwnRequest(head: RequestHead): void {
  const forwarded = head.get(Known["x-forwarded-for"]);
  const address = localIp();
  head.set("x-forwarded-for", forwarded === null ? address : `${forwarded},${address}`, Known["x-forwarded-for"]);
  head.set("x-envoy-internal", "true", Known["x-envoy-internal"]);
}
