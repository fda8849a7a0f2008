import { durationMs } from "./duration.ts";
import type { HttpUri } from "./generated/envoy/config/core/v3/http_uri_pb.ts";

/** config.core.v3.HttpUri: where requests of the proxy's own go. */
export interface HttpUriSpec {
  cluster: string;
  authority: string;
  /** With its query. */
  path: string;
  timeoutMs: number;
}

/** A scheme may be missing. Envoy: Http::Utility::extractHostPathFromUri. */
export function parseHttpUri(message: HttpUri | undefined): HttpUriSpec {
  const [, authority = "", path = ""] = /^(?:[a-z]+:\/\/)?([^/]*)(.*)$/i.exec(message?.uri ?? "") ?? [];
  return {
    cluster: message?.httpUpstreamType.value ?? "",
    authority,
    path: path === "" ? "/" : path,
    timeoutMs: durationMs(message?.timeout) ?? 0,
  };
}
