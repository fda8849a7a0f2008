import { regexOf } from "../router/path-regex.ts";
import {
  type PathMatchSpec,
  type RouteConfigSpec,
  type RouteMatchSpec,
  type RouteSpec,
  routePlace,
  type VirtualHostSpec,
} from "../router/spec.ts";
import { asciiLower } from "../router/text.ts";
import { pathText } from "./describe.ts";

/** Something that is legal and likely not meant. */
export interface Finding {
  kind: "unreachable" | "overlap" | "no_timeout" | "unused_cluster";
  /** Whom it is about, in words: `virtual host "shop" routes[3] "cart"`. */
  where: string;
  what: string;
}

/** What routes of one configuration are likely not meant. `hasLimit`: the connection manager ends streams of its own after a time. */
export function lintRoutes(config: RouteConfigSpec, hasLimit: boolean): Finding[] {
  return config.virtualHosts.flatMap((vhost) => lintHost(vhost, hasLimit));
}

/** The place of each route that no request can reach, to the place of the route that takes all of its; itself where its share is 0. */
export function unreachableRoutes(routes: readonly RouteSpec[]): Map<number, number> {
  const shapes = routes.map(({ match }) => shapeOf(match));
  const found = new Map<number, number>();
  for (const [i, shape] of shapes.entries()) {
    const before = shape.isNever ? i : shapes.findIndex((other, j) => j < i && !found.has(j) && covers(other, shape));
    if (before >= 0 && before <= i) found.set(i, before);
  }
  return found;
}

function lintHost(virtualHost: VirtualHostSpec, hasLimit: boolean): Finding[] {
  const { name, routes, matcher } = virtualHost;
  const findings: Finding[] = [];
  const title = (i: number) => routeTitle(routes[i] as RouteSpec, routePlace(virtualHost, i));
  const host = `virtual host "${name}"`;
  // With a matcher their order says nothing.
  const unreachable = matcher === null ? unreachableRoutes(routes) : new Map<number, number>();
  const byPath = new Map<string, number>();
  for (const [i, { match, action }] of routes.entries()) {
    const where = `${host} ${title(i)}`;
    const taker = unreachable.get(i);
    if (taker !== undefined) {
      const what = taker === i ? "its share is 0" : `${title(taker)} before it takes all of its requests`;
      findings.push({ kind: "unreachable", where, what: `can never match: ${what}` });
      continue;
    }
    const key = JSON.stringify([match.path, match.caseSensitive]);
    const other = byPath.get(key);
    const isPlain = shapeOf(match).conditions.size === 0;
    if (other !== undefined && !isPlain && matcher === null) {
      const what = `has the path of ${title(other)} and other conditions: a request that meets both goes there`;
      findings.push({ kind: "overlap", where, what });
    }
    if (other === undefined && !isPlain) byPath.set(key, i);
    if (action.kind !== "cluster" || action.timeoutMs > 0 || hasLimit) continue;
    if ((action.maxStreamDuration?.maxStreamDurationMs ?? 0) === 0) {
      findings.push({ kind: "no_timeout", where, what: "has no timeout, and no max_stream_duration" });
    }
  }
  return findings;
}

/** A match in a form that can be compared. */
interface Shape {
  path: PathMatchSpec;
  /** What every path that it takes begins with. */
  begin: string;
  caseSensitive: boolean;
  conditions: ReadonlySet<string>;
  isNever: boolean;
}

function shapeOf({ path, caseSensitive, ...rest }: RouteMatchSpec): Shape {
  const { headers, query, cookies, runtimeFraction: share, grpc, tls, metadata, filterState } = rest;
  const isAlways = share !== null && share.runtimeKey === "" && share.numerator >= share.denominator;
  const conditions = [
    ...headers.map((one) => ["header", one]),
    ...query.map((one) => ["query", one]),
    ...cookies.map((one) => ["cookie", one]),
    ...metadata.map((one) => ["metadata", one]),
    ...filterState.map((one) => ["filter_state", one]),
    ...(share === null || isAlways ? [] : [["share", share]]),
    ...(tls === null ? [] : [["tls", tls]]),
    ...(grpc ? [["grpc"]] : []),
  ];
  const regex = regexOf(path);
  return {
    path,
    begin: regex === null ? path.value : regex.literalPrefix,
    caseSensitive: caseSensitive || regex !== null,
    conditions: new Set(conditions.map((one) => JSON.stringify(one))),
    isNever: share !== null && share.runtimeKey === "" && share.numerator === 0,
  };
}

/** Whether every request that `later` takes is one that `first` takes. False where that is not sure. */
function covers(first: Shape, later: Shape): boolean {
  if (first.isNever || !first.conditions.isSubsetOf(later.conditions)) return false;
  const { kind, value } = first.path;
  const isSame = kind === later.path.kind && value === later.path.value;
  if (isSame && first.caseSensitive === later.caseSensitive) return true;
  if (kind === "regex" || kind === "template" || kind === "connect" || later.path.kind === "connect") return false;
  const isFolded = !first.caseSensitive || !later.caseSensitive;
  // With letters in it a path takes less than one that does not look at their case.
  if (first.caseSensitive && isFolded && /[A-Za-z]/.test(value)) return false;
  const mine = isFolded ? asciiLower(value) : value;
  const its = isFolded ? asciiLower(later.begin) : later.begin;
  const isWhole = later.path.kind === "path";
  if (kind === "prefix") return its.startsWith(mine);
  if (kind === "path") return isWhole && its === mine;
  return its.startsWith(`${mine}/`) || (its === mine && (isWhole || later.path.kind === "pathSeparatedPrefix"));
}

function routeTitle({ name, match }: RouteSpec, place: string): string {
  return `${place}${name === "" ? "" : ` "${name}"`} ${pathText(match.path, match.caseSensitive)}`;
}
