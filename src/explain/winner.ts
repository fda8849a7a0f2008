import type { RequestHead } from "../http/header-block.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { HcmSpec } from "../proxy/spec.ts";
import type { Route } from "../router/route.ts";
import { type RuntimeLookup, runtimeInteger } from "../router/runtime-fraction.ts";
import {
  type ActionSpec,
  type ClusterActionSpec,
  type HashPolicySpec,
  type HeaderMutationsSpec,
  type MirrorSpec,
  type RouteConfigSpec,
  type RouteSpec,
  routePlace,
  type VirtualHostSpec,
  type WeightedEntrySpec,
  type WeightedSpec,
} from "../router/spec.ts";
import { fractionText, pathText } from "./describe.ts";
import type { HeaderChange, Weight, Winner } from "./explanation.ts";

/** What is known of the match. */
export interface WinnerParts {
  config: RouteConfigSpec;
  hcm: HcmSpec;
  host: { spec: VirtualHostSpec; index: number };
  route: { spec: RouteSpec; index: number };
  /** What the table gave. */
  linked: Route;
  /** As the route found it. */
  head: RequestHead;
  info: StreamInfo;
  random: number;
  runtime: RuntimeLookup;
}

/** The facts of the route that takes the request, but for what is known once the cluster is: limits, retries, rewrites. */
export function describeWinner(parts: WinnerParts): Winner {
  const { host, route, linked } = parts;
  const { spec } = route;
  const { action } = spec;
  const cluster = action.kind === "cluster" ? action : null;
  const weights = cluster?.target.kind === "weighted" ? weightsOf(cluster.target, parts) : [];
  const entry = drawnEntry(action, weights);
  const path = `virtual_hosts[${host.index}].${routePlace(host.spec, route.index)}`;
  return {
    path,
    name: spec.name,
    match: pathText(spec.match.path, spec.match.caseSensitive),
    action: actionText(action, linked, parts.head),
    weights,
    drawnBy: cluster?.target.kind === "weighted" ? drawText(cluster.target) : "",
    timeouts: [],
    retries: null,
    hashPolicies: (cluster?.hashPolicies ?? []).map(hashText),
    mirrors: mirrorsOf(cluster, parts).map(mirrorText),
    priority: cluster?.priority ?? "DEFAULT",
    rewrites: [],
    requestHeaders: changes(parts, entry, requestChanges),
    responseHeaders: changes(parts, entry, responseChanges),
  };
}

/** The entry of the weighted clusters that the draw fell on; null without. */
export function drawnEntry(action: ActionSpec, weights: readonly Weight[]): WeightedEntrySpec | null {
  if (action.kind !== "cluster" || action.target.kind !== "weighted") return null;
  return action.target.entries[weights.findIndex(({ isDrawn }) => isDrawn)] ?? null;
}

function weightsOf(target: WeightedSpec, { linked, head, runtime, random }: WinnerParts): Weight[] {
  const values = target.entries.map(({ name, weight }) =>
    target.runtimeKeyPrefix === "" ? weight : runtimeInteger(runtime, `${target.runtimeKeyPrefix}.${name}`, weight),
  );
  const total = values.reduce((sum, value) => sum + value, 0);
  const chosen = linked.clusterFor(head);
  let sum = 0;
  const weights = target.entries.map(({ name, clusterHeader }, i) => {
    const weight = values[i] as number;
    const from = total === 0 ? 0 : sum / total;
    sum += weight;
    const cluster = clusterHeader === "" ? name : (head.find(clusterHeader) ?? "");
    return { cluster, weight, from, to: total === 0 ? 0 : sum / total, isDrawn: false };
  });
  // The table says which cluster; of several entries for it, the number says which.
  const same = weights.filter(({ cluster }) => cluster === chosen);
  const drawn = same.find(({ from, to }) => from <= random && random < to) ?? same[0];
  if (drawn !== undefined) drawn.isDrawn = true;
  return weights;
}

function drawText({ randomHeader, usesHashPolicy }: WeightedSpec): string {
  if (randomHeader !== "") return `the number in header ${randomHeader}, else random`;
  return usesHashPolicy ? "hash policy, else random" : "random";
}

function actionText(action: ActionSpec, linked: Route, head: RequestHead): string {
  switch (action.kind) {
    case "cluster": {
      const { target } = action;
      const name = linked.clusterFor(head);
      if (target.kind === "header") return `cluster "${name}", named by header ${target.name}`;
      return target.kind === "weighted" ? `cluster "${name}", drawn by weight` : `cluster "${name}"`;
    }
    case "redirect":
      return `redirect ${action.status}`;
    case "direct":
      return `direct response ${action.status}`;
    case "none":
      return "no forwarding: other filters answer";
  }
}

function hashText(spec: HashPolicySpec): string {
  const end = spec.terminal ? ", terminal" : "";
  switch (spec.kind) {
    case "header":
    case "query":
      return `${spec.kind} ${spec.name}${end}`;
    case "cookie":
      return `cookie ${spec.name}${spec.ttlMs === null ? "" : ", made where it is missing"}${end}`;
    case "sourceIp":
      return `source address${end}`;
    case "filterState":
      return `filter state ${spec.key}${end}`;
  }
}

/** The most specific level that has some. */
function mirrorsOf(cluster: ClusterActionSpec | null, { host, config }: WinnerParts): readonly MirrorSpec[] {
  if (cluster === null) return [];
  return [cluster.mirrors, host.spec.mirrors, config.mirrors].find((list) => list.length > 0) ?? [];
}

function mirrorText({ cluster, clusterHeader, runtimeFraction }: MirrorSpec): string {
  const where = cluster === "" ? `cluster of header ${clusterHeader}` : `cluster "${cluster}"`;
  return runtimeFraction === null ? where : `${where}, ${fractionText(runtimeFraction)}`;
}

/** In the order they are made. */
function changes(
  { route, host, config }: WinnerParts,
  entry: WeightedEntrySpec | null,
  of: (spec: HeaderMutationsSpec) => string[],
): HeaderChange[] {
  const levels = [
    { from: "route", spec: route.spec.headers },
    { from: "virtual host", spec: host.spec.headers },
    { from: "route configuration", spec: config.headers },
  ];
  if (config.mostSpecificHeaderMutationsWins) levels.reverse();
  if (entry !== null) levels.unshift({ from: "weighted cluster", spec: entry.headers });
  return levels.flatMap(({ from, spec }) => of(spec).map((change) => ({ change, from })));
}

function requestChanges({ requestAdd, requestRemove }: HeaderMutationsSpec): string[] {
  return [...requestRemove.map((name) => `remove ${name}`), ...requestAdd.map(addText)];
}

function responseChanges({ responseAdd, responseRemove }: HeaderMutationsSpec): string[] {
  return [...responseRemove.map((name) => `remove ${name}`), ...responseAdd.map(addText)];
}

function addText({ name, value, action }: HeaderMutationsSpec["requestAdd"][0]): string {
  return `${addWords[action]} ${name}: ${value}`;
}

const addWords = {
  APPEND_IF_EXISTS_OR_ADD: "append",
  ADD_IF_ABSENT: "add if absent",
  OVERWRITE_IF_EXISTS_OR_ADD: "set",
  OVERWRITE_IF_EXISTS: "set if present",
} as const;
