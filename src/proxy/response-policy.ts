import type { RequestHead, ResponseHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import type { HcmSpec } from "./spec.ts";

/** What the connection manager does to a response head last. Envoy: ConnectionManagerUtility::mutateResponseHeaders. */
export class ResponseHeaderPolicy {
  readonly #spec: HcmSpec;

  constructor(spec: HcmSpec) {
    this.#spec = spec;
  }

  apply(head: ResponseHead, mustClose: boolean, request: RequestHead): void {
    const spec = this.#spec;
    this.applyToInterim(head, request);
    if (!head.has(Known.date)) head.append("date", httpDate(), Known.date);
    if (spec.serverHeaderTransformation === "OVERWRITE") head.set("server", spec.serverName, Known.server);
    else if (spec.serverHeaderTransformation === "APPEND_IF_ABSENT" && !head.has(Known.server)) {
      head.append("server", spec.serverName, Known.server);
    }
    if (spec.via !== "") {
      const present = head.get(Known.via);
      head.set("via", present === null ? spec.via : `${present}, ${spec.via}`, Known.via);
    }
    if (mustClose) head.set("connection", "close", Known.connection);
  }

  /** What a 1xx head gets of it. */
  applyToInterim(head: ResponseHead, request: RequestHead): void {
    const isUpgrade = head.status === 101;
    if (!isUpgrade) {
      if (head.has(Known.connection)) head.remove("connection", Known.connection);
      if (head.has(Known.upgrade)) head.remove("upgrade", Known.upgrade);
    }
    if (head.has(Known["keep-alive"])) head.remove("keep-alive", Known["keep-alive"]);
    if (head.has(Known["proxy-connection"])) head.remove("proxy-connection", Known["proxy-connection"]);
    if (head.has(Known["transfer-encoding"])) head.remove("transfer-encoding", Known["transfer-encoding"]);
    // RFC 9110 section 8.6: neither 1xx nor 204 has a length.
    if ((head.status === 204 || head.status < 200) && head.has(contentLength)) {
      head.remove("content-length", contentLength);
    }
    if (this.#spec.alwaysSetRequestIdInResponse || request.has(Known["x-envoy-force-trace"])) {
      const requestId = request.get(Known["x-request-id"]);
      if (requestId !== null) head.set("x-request-id", requestId, Known["x-request-id"]);
    }
  }
}

/** The date as HTTP writes it (RFC 9110 section 5.6.7), made once a second. */
function httpDate(): string {
  const now = Date.now();
  if (now >= dateExpires) {
    const second = Math.floor(now / 1000) * 1000;
    dateText = new Date(second).toUTCString();
    dateExpires = second + 1000;
  }
  return dateText;
}

const contentLength = Known["content-length"];
let dateText = "";
let dateExpires = 0;
