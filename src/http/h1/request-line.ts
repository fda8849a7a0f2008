/** The methods that Envoy's HTTP/1 parser knows. Others are refused unless allow_custom_methods is set. */
export const knownMethods: ReadonlySet<string> = new Set([
  ..."ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE MSEARCH".split(
    " ",
  ),
  ..."NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE".split(" "),
  ..."SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split(" "),
]);

/** 1 for what may stand in a request target: visible ASCII. */
export const targetChars = new Uint8Array(256).fill(1, 33, 127);

/** What is wrong with a version: nothing, an old or unknown one, or no version at all. */
export type VersionKind = "1.1" | "1.0" | "other" | "invalid";

/** Reads "HTTP/x.y" (RFC 9112 section 2.3). */
export function versionKind(text: string): VersionKind {
  if (text === "HTTP/1.1") return "1.1";
  if (text === "HTTP/1.0") return "1.0";
  if (text.length !== 8 || !text.startsWith("HTTP/") || text.charCodeAt(6) !== 46) return "invalid";
  return isDigit(text.charCodeAt(5)) && isDigit(text.charCodeAt(7)) ? "other" : "invalid";
}

export function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}
