import type { RequestHead } from "../header-block.ts";
import { Known } from "../names.ts";
import { lowerCase } from "./field-name.ts";
import { trimBlanks } from "./head-parser.ts";

/** "host": the request named Host as a hop-by-hop field, so that it has none. */
export type ConnectionVerdict = "fine" | "host" | "rejected";

/**
 * Removes the fields that Connection nominates, as Envoy's Utility::sanitizeConnectionHeader: ten or more, a pseudo-field
 * or one of the x-forwarded family is refused. What Connection itself says stays for the connection manager.
 */
export function sanitizeConnection(head: RequestHead): ConnectionVerdict {
  const connection = head.get(Known.connection) as string;
  if (connection === "keep-alive" || connection === "close" || connection === "Keep-Alive") return "fine";
  const text = lowerCase(connection);
  let nominated = 0;
  let verdict: ConnectionVerdict = "fine";
  let from = 0;
  while (from <= text.length) {
    const comma = text.indexOf(",", from);
    const end = comma < 0 ? text.length : comma;
    const token = trimBlanks(text.slice(from, end));
    from = end + 1;
    if (token === "" || isStandardOption(token)) continue;
    if (token.charCodeAt(0) === 58 || isForwardedField(token) || ++nominated > maxNominated) return "rejected";
    if (token === "host") verdict = "host";
    else if (token === "te") keepTrailersOnly(head);
    // Framing is settled already; taking its field away would only hide it from the next reader.
    else if (token !== "content-length" && token !== "transfer-encoding" && token !== "connection") head.remove(token);
  }
  return verdict;
}

/** True when Connection names the option (lower case). */
export function hasConnectionOption(value: string | null, option: string): boolean {
  if (value === null) return false;
  if (value.length === option.length) return lowerCase(value) === option;
  const text = lowerCase(value);
  let from = 0;
  while (from <= text.length) {
    const comma = text.indexOf(",", from);
    const end = comma < 0 ? text.length : comma;
    if (trimBlanks(text.slice(from, end)) === option) return true;
    from = end + 1;
  }
  return false;
}

function keepTrailersOnly(head: RequestHead): void {
  const te = head.get(Known.te);
  if (te === null) return;
  if (hasConnectionOption(te, "trailers")) head.set("te", "trailers", Known.te);
  else head.remove("te", Known.te);
}

function isStandardOption(token: string): boolean {
  return token === "close" || token === "keep-alive" || token === "upgrade" || token === "http2-settings";
}

function isForwardedField(token: string): boolean {
  return token === "x-forwarded-for" || token === "x-forwarded-host" || token === "x-forwarded-proto";
}

const maxNominated = 9;
