import type { RequestHead } from "../http/header-block.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { matchesEverything } from "../router/empty-specs.ts";
import { Candidate, type Conditions, linkConditions, trieKey } from "../router/entry.ts";
import { cookieValue, queryValue } from "../router/matchers.ts";
import { regexOf } from "../router/path-regex.ts";
import type { RuntimeLookup } from "../router/runtime-fraction.ts";
import type { RouteMatchSpec } from "../router/spec.ts";
import { asciiLower, pathEnd, wire } from "../router/text.ts";
import { fractionText, headerText, metadataText, pathText, queryText, stringText, tlsText } from "./describe.ts";

/** What a route asks, and what the request has instead. */
export interface FailedCondition {
  /** "path", "header", "query", "cookie", "runtime_fraction", "grpc", "tls", "metadata" or "filter_state". */
  kind: string;
  /** In words: `header x-env is "prod"`. */
  wanted: string;
  /** In words; "" where the request itself says nothing. */
  found: string;
}

/** A request that routes are tried on. */
export interface Trial {
  head: RequestHead;
  info: StreamInfo;
  /** In [0, 1). */
  random: number;
  runtime: RuntimeLookup;
  /** RouteConfigSpec.ignorePathParameters */
  ignorePathParameters: boolean;
}

/** The first condition of a route that the request does not meet, in the order of the table; null for a match. Each is decided by what the table decides it with. */
export function firstFailure(match: RouteMatchSpec, trial: Trial): FailedCondition | null {
  if (!takesPath(match, trial)) {
    const found = trial.head.path === "" ? "no path" : trial.head.path.slice(0, pathEnd(trial.head.path));
    return { kind: "path", wanted: pathText(match.path, match.caseSensitive), found };
  }
  for (const { only, kind, wanted, found } of parts(match, trial)) {
    const conditions: Conditions | null = linkConditions({ ...matchesEverything, ...only }, trial.runtime);
    if (conditions?.pass(trial.head, trial.info, trial.random) === false) return { kind, wanted, found: found() };
  }
  return null;
}

/** How many characters of the path are as the route has them at its begin. */
export function sharedPath(match: RouteMatchSpec, path: string): number {
  const key = trieKey(match, null);
  const limit = Math.min(key.length, path.length);
  let n = 0;
  while (n < limit && key[n] === path[n]) n++;
  return n;
}

function takesPath(match: RouteMatchSpec, { head, ignorePathParameters }: Trial): boolean {
  const { kind } = match.path;
  if (kind === "connect") return head.method === "CONNECT";
  if (head.path === "") return false;
  const regex = regexOf(match.path);
  const isFolded = regex === null && !match.caseSensitive;
  const path = isFolded ? asciiLower(head.path) : head.path;
  const key = isFolded ? asciiLower(trieKey(match, regex)) : trieKey(match, regex);
  let end = pathEnd(path);
  const semicolon = path.indexOf(";");
  if (ignorePathParameters && semicolon >= 0 && semicolon < end) end = semicolon;
  candidate.path = path;
  candidate.end = end;
  if (!path.slice(0, end).startsWith(key)) return false;
  return candidate.takesPath({ kind, regex }, key.length);
}

interface Part {
  /** The match that asks for this alone. */
  only: Partial<RouteMatchSpec>;
  kind: string;
  wanted: string;
  found: () => string;
}

/** As Conditions.pass goes through them. */
function* parts(match: RouteMatchSpec, { head, random }: Trial): Generator<Part> {
  const { runtimeFraction, tls } = match;
  if (runtimeFraction !== null) {
    const wanted = fractionText(runtimeFraction);
    yield { only: { runtimeFraction }, kind: "runtime_fraction", wanted, found: () => `the draw is ${random}` };
  }
  if (match.grpc) {
    const found = () => quoted(head.find("content-type"));
    yield { only: { grpc: true }, kind: "grpc", wanted: "content-type of gRPC", found };
  }
  for (const header of match.headers) {
    const found = () => quoted(head.joined(header.name));
    yield { only: { headers: [header] }, kind: "header", wanted: headerText(header), found };
  }
  for (const query of match.query) {
    const found = () => quoted(queryValue(head.path, wire(query.name)));
    yield { only: { query: [query] }, kind: "query", wanted: queryText(query), found };
  }
  for (const cookie of match.cookies) {
    const wanted = `cookie ${cookie.name} ${cookie.invert ? "not " : ""}${stringText(cookie.string)}`;
    yield { only: { cookies: [cookie] }, kind: "cookie", wanted, found: () => quoted(cookieValue(head, cookie.name)) };
  }
  if (tls !== null) yield { only: { tls }, kind: "tls", wanted: tlsText(tls), found: () => "no client certificate" };
  for (const one of match.metadata) {
    const wanted = metadataText(one.path, one.value, one.invert);
    yield { only: { metadata: [one] }, kind: "metadata", wanted, found: () => "filters are not run here" };
  }
  for (const one of match.filterState) {
    const how = one.string === null ? "in a range" : stringText(one.string);
    const wanted = `filter state ${one.key} ${how}`;
    yield { only: { filterState: [one] }, kind: "filter_state", wanted, found: () => "filters are not run here" };
  }
}

function quoted(value: string | null): string {
  return value === null ? "absent" : `"${value}"`;
}

const candidate = new Candidate();
