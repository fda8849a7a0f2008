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
  hosts: { host: VirtualHostSpec | null; routes: Packed[] }[];
  /** Those that no part before has. */
  actions: ActionSpec[];
}

/**
 * Most routes say nothing but their name, path and action: four values in the list, the kind of the path by its place in `kinds`, the action by
 * its place among those of all parts. Without the names of their fields they are a tenth.
 */
type Packed = RouteSpec | string | number;

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
      if (isPlain(route)) pack(route, places, part.actions, entry.routes);
      else entry.routes.push(route);
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
      for (let i = 0; i < routes.length; i++) {
        const route = routes[i] as Packed;
        if (typeof route === "object") own.push(route);
        else {
          own.push(unpack(routes, i, actions));
          i += 3;
        }
      }
    }
    yield;
  }
  return { ...head, virtualHosts };
}

function isPlain(route: RouteSpec): boolean {
  const { match } = route;
  return (
    route.headers === plainRoute.headers &&
    route.perFilterConfig === plainRoute.perFilterConfig &&
    route.metadata === null &&
    route.statPrefix === "" &&
    route.decorator === null &&
    route.bodyBufferLimitBytes === null &&
    match.caseSensitive &&
    match.headers === matchesEverything.headers &&
    match.query === matchesEverything.query &&
    match.cookies === matchesEverything.cookies &&
    match.runtimeFraction === null &&
    !match.grpc &&
    match.tls === null &&
    match.metadata === matchesEverything.metadata &&
    match.filterState === matchesEverything.filterState
  );
}

function pack(
  { name, match, action }: RouteSpec,
  places: Map<ActionSpec, number>,
  added: ActionSpec[],
  to: Packed[],
): void {
  let place = places.get(action);
  if (place === undefined) {
    place = places.size;
    places.set(action, place);
    added.push(action);
  }
  to.push(name, kinds.indexOf(match.path.kind), match.path.value, place);
}

function unpack(from: readonly Packed[], at: number, actions: readonly ActionSpec[]): RouteSpec {
  const path = { kind: kinds[from[at + 1] as number] as PathMatchSpec["kind"], value: from[at + 2] as string };
  return {
    ...plainRoute,
    name: from[at] as string,
    match: { ...matchesEverything, path },
    action: actions[from[at + 3] as number] as ActionSpec,
  };
}

const kinds: readonly PathMatchSpec["kind"][] = [
  "prefix",
  "path",
  "pathSeparatedPrefix",
  "regex",
  "template",
  "connect",
];

/** Of routes and virtual hosts together: about half a millisecond of a worker's time, and more for routes that are not packed. */
const partSize = 512;
const largeSize = 256;
