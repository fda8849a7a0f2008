import { matchesEverything, plainRoute } from "./empty-specs.ts";
import type { Slices } from "./slices.ts";
import type { ActionSpec, PathMatchSpec, RouteConfigSpec, RouteSpec, VirtualHostSpec } from "./spec.ts";

/** A large route configuration cut for the way to a worker, which then takes a part at a time. */
export interface RouteParts {
  /** Without its virtual hosts. */
  head: RouteConfigSpec;
  parts: RoutePart[];
}

/** Virtual hosts in their order. A host of null goes on with the last one of the part before. */
interface RoutePart {
  hosts: { host: VirtualHostSpec | null; routes: PackedRoute[] }[];
  /** Those that no part before has. */
  actions: ActionSpec[];
}

/** Most routes say nothing but their name, path and action, told by its place among those of all parts: without the names of their fields they are a tenth. */
type PackedRoute = RouteSpec | [name: string, kind: PathMatchSpec["kind"], path: string, action: number];

/** null where it is small enough to be taken at once. */
export function splitRoutes(spec: RouteConfigSpec): RouteParts | null {
  const size = spec.virtualHosts.reduce((sum, host) => sum + 1 + host.routes.length, 0);
  if (size < largeSize) return null;
  const parts: RoutePart[] = [];
  const places = new Map<ActionSpec, number>();
  let part: RoutePart = { hosts: [], actions: [] };
  let left = partSize;
  const endPart = () => {
    parts.push(part);
    part = { hosts: [], actions: [] };
    left = partSize;
  };
  for (const host of spec.virtualHosts) {
    if (left < 2) endPart();
    let entry: RoutePart["hosts"][number] = { host: { ...host, routes: [] }, routes: [] };
    part.hosts.push(entry);
    left--;
    for (const route of host.routes) {
      if (left === 0) {
        endPart();
        entry = { host: null, routes: [] };
        part.hosts.push(entry);
      }
      entry.routes.push(isPlain(route) ? pack(route, places, part.actions) : route);
      left--;
    }
  }
  endPart();
  return { head: { ...spec, virtualHosts: [] }, parts };
}

/** Puts it together again; `next` gives the parts one after the other, then undefined. */
export function* joinRoutes(head: RouteConfigSpec, next: () => unknown): Slices<RouteConfigSpec> {
  const virtualHosts: VirtualHostSpec[] = [];
  const actions: ActionSpec[] = [];
  for (let part = next() as RoutePart | undefined; part !== undefined; part = next() as RoutePart | undefined) {
    actions.push(...part.actions);
    for (const { host, routes } of part.hosts) {
      if (host !== null) virtualHosts.push(host);
      const own = (virtualHosts.at(-1) as VirtualHostSpec).routes;
      for (const route of routes) own.push(Array.isArray(route) ? unpack(route, actions) : route);
    }
    yield;
  }
  return { ...head, virtualHosts };
}

function isPlain(route: RouteSpec): boolean {
  for (const key of plainKeys) if (route[key] !== plainRoute[key]) return false;
  for (const key of plainMatchKeys) if (route.match[key] !== matchesEverything[key]) return false;
  return true;
}

function pack({ name, match, action }: RouteSpec, places: Map<ActionSpec, number>, added: ActionSpec[]): PackedRoute {
  let place = places.get(action);
  if (place === undefined) {
    place = places.size;
    places.set(action, place);
    added.push(action);
  }
  return [name, match.path.kind, match.path.value, place];
}

function unpack(
  [name, kind, value, place]: Exclude<PackedRoute, RouteSpec>,
  actions: readonly ActionSpec[],
): RouteSpec {
  return {
    ...plainRoute,
    name,
    match: { ...matchesEverything, path: { kind, value } },
    action: actions[place] as ActionSpec,
  };
}

const said: readonly string[] = ["name", "match", "action", "path"];
const plainKeys = (Object.keys(plainRoute) as (keyof RouteSpec)[]).filter((key) => !said.includes(key));
const plainMatchKeys = (Object.keys(matchesEverything) as (keyof RouteSpec["match"])[]).filter(
  (key) => !said.includes(key),
);

/** Of routes and virtual hosts together: about half a millisecond of a worker's time, and more for routes that are not packed. */
const partSize = 512;
const largeSize = 256;
