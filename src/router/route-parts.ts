import { type CompiledHost, type CompiledTable, TableCompiler } from "./compiled-table.ts";
import type { Slices } from "./slices.ts";
import type { ActionSpec, RouteConfigSpec, RouteSpec, VirtualHostSpec } from "./spec.ts";

/** A large route configuration compiled, and cut for the way to a worker, which then takes a part at a time. */
export interface RouteParts {
  /** Without its virtual hosts and what stands in the parts. */
  head: RouteConfigSpec;
  parts: RoutePart[];
}

/** What is not in the store, in its order. */
interface RoutePart {
  /** Without their routes. */
  hosts: { spec: VirtualHostSpec; compiled: CompiledHost }[];
  /** Routes of the virtual host at `host`, those that are not packed. */
  whole: { host: number; order: number; route: RouteSpec }[];
  actions: ActionSpec[];
}

/** null where it is small enough to be taken at once, or has a matcher: then the worker compiles it. */
export function splitRoutes(spec: RouteConfigSpec): RouteParts | null {
  const size = spec.virtualHosts.reduce((sum, host) => sum + 1 + host.routes.length, 0);
  return size < largeSize || spec.virtualHosts.some(({ matcher }) => matcher !== null) ? null : compileRoutes(spec);
}

/** Of whatever size, without a matcher. */
export function compileRoutes(spec: RouteConfigSpec): RouteParts {
  const parts: RoutePart[] = [];
  let left = 0;
  const part = (): RoutePart => {
    if (left === 0) {
      parts.push({ hosts: [], whole: [], actions: [] });
      left = partSize;
    }
    left--;
    return parts.at(-1) as RoutePart;
  };
  const compiler = new TableCompiler();
  for (const [i, host] of spec.virtualHosts.entries()) {
    const { whole, ...compiled } = compiler.addHost(host);
    part().hosts.push({ spec: { ...host, routes: [] }, compiled: { ...compiled, whole: new Map() } });
    for (const [order, route] of whole) part().whole.push({ host: i, order, route });
  }
  for (const action of compiler.actions) part().actions.push(action);
  const compiled: CompiledTable = { store: compiler.store, hosts: [], actions: [] };
  return { head: { ...spec, virtualHosts: [], compiled }, parts };
}

/** Puts it together again; `next` gives the parts one after the other, then undefined. */
export function* joinRoutes(head: RouteConfigSpec, next: () => unknown): Slices<RouteConfigSpec> {
  const virtualHosts: VirtualHostSpec[] = [];
  const compiled: CompiledTable = { ...(head.compiled as CompiledTable), hosts: [], actions: [] };
  for (let part = next() as RoutePart | undefined; part !== undefined; part = next() as RoutePart | undefined) {
    for (const host of part.hosts) {
      virtualHosts.push(host.spec);
      compiled.hosts.push(host.compiled);
    }
    for (const { host, order, route } of part.whole) compiled.hosts[host]?.whole.set(order, route);
    compiled.actions.push(...part.actions);
    yield;
  }
  return { ...head, virtualHosts, compiled };
}

/** Of objects: about half a millisecond of a worker's time, and more for routes that say much. */
const partSize = 256;
/** Of routes and virtual hosts together. */
const largeSize = 256;
