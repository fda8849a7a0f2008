import { percentDecode } from "../http/percent-decode.ts";
import { queryOf } from "../http/query.ts";

// A query as Envoy writes it anew: parameters sorted by name, each with its "=", what was percent-encoded is plain. Envoy: Http::Utility::QueryParamsMulti.

/** The parameters of a path with its query, by name; all are wire bytes. */
export function paramsOf(target: string): Map<string, string[]> {
  return parseQuery(queryOf(target), percentDecode);
}

/** The same, what is percent-encoded stays so. Envoy: QueryParamsMulti::parseQueryString. */
export function encodedParamsOf(target: string): Map<string, string[]> {
  return parseQuery(queryOf(target), (text) => text);
}

/** The path with these parameters for its query. */
export function withParams(target: string, params: Map<string, string[]>): string {
  const at = target.indexOf("?");
  const path = at < 0 ? target : target.slice(0, at);
  const pairs = [...params].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = pairs.flatMap(([key, values]) => values.map((one) => `${key}=${one}`)).join("&");
  return text === "" ? path : `${path}?${text}`;
}

/** The target without a parameter, its query written anew. */
export function withoutParam(target: string, name: string): string {
  const params = paramsOf(target);
  params.delete(name);
  return withParams(target, params);
}

/** Wire bytes as a parameter has them: all but the unreserved encoded (RFC 3986 section 2.3). */
export function percentEncode(text: string): string {
  return text.replace(
    /[^A-Za-z0-9._~-]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

function parseQuery(query: string, decode: (text: string) => string): Map<string, string[]> {
  const params = new Map<string, string[]>();
  if (query === "") return params;
  for (const pair of query.split("&")) {
    const at = pair.indexOf("=");
    const key = decode(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? "" : decode(pair.slice(at + 1));
    const known = params.get(key);
    if (known === undefined) params.set(key, [value]);
    else known.push(value);
  }
  return params;
}
