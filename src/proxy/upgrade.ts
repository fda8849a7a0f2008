import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";

/** The lower-case upgrade type that a request asks for, "" for none. Envoy drops `h2c` in silence (RFC 9113 section 3.1). */
export function upgradeType(head: RequestHead): string {
  const upgrade = (head.get(Known.upgrade) ?? "").toLowerCase();
  if (upgrade === "" || upgrade === "h2c") {
    head.remove("http2-settings");
    return "";
  }
  const connection = head.get(Known.connection);
  if (connection === null) return "";
  return connection
    .toLowerCase()
    .split(",")
    .some((part) => part.trim() === "upgrade")
    ? upgrade
    : "";
}
