import type { Slices } from "./slices.ts";
import type { RouteConfigSpec, RouteSpec, VirtualHostSpec } from "./spec.ts";

/** Virtual hosts in their order. A host of null goes on with the last one of the part before. */
type RoutePart = { host: VirtualHostSpec | null; routes: RouteSpec[] }[];

/** A large route configuration cut for the way to a worker, which then takes a part at a time. */
export interface RouteParts {
  /** Without its virtual hosts. */
  head: RouteConfigSpec;
  parts: RoutePart[];
}

/** null where it is small enough to be taken at once. */
export function splitRoutes(spec: RouteConfigSpec): RouteParts | null {
  const size = spec.virtualHosts.reduce((sum, host) => sum + 1 + host.routes.length, 0);
  if (size < largeSize) return null;
  const parts: RoutePart[] = [];
  let part: RoutePart = [];
  let left = partSize;
  const endPart = () => {
    parts.push(part);
    part = [];
    left = partSize;
  };
  for (const host of spec.virtualHosts) {
    if (left < 2) endPart();
    let entry: RoutePart[number] = { host: { ...host, routes: [] }, routes: [] };
    part.push(entry);
    left--;
    for (const route of host.routes) {
      if (left === 0) {
        endPart();
        entry = { host: null, routes: [] };
        part.push(entry);
      }
      entry.routes.push(route);
      left--;
    }
  }
  endPart();
  return { head: { ...spec, virtualHosts: [] }, parts };
}

/** Puts it together again; `next` gives the parts one after the other, then undefined. */
export function* joinRoutes(head: RouteConfigSpec, next: () => unknown): Slices<RouteConfigSpec> {
  const virtualHosts: VirtualHostSpec[] = [];
  for (let part = next() as RoutePart | undefined; part !== undefined; part = next() as RoutePart | undefined) {
    for (const { host, routes } of part) {
      if (host !== null) virtualHosts.push({ ...host, routes });
      else virtualHosts.at(-1)?.routes.push(...routes);
    }
    yield;
  }
  return { ...head, virtualHosts };
}

/** Of routes and virtual hosts together: about half a millisecond of a worker's time. */
const partSize = 128;
const largeSize = 2 * partSize;
