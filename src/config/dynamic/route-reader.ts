import { create, fromBinary } from "@bufbuild/protobuf";
import {
  type Route,
  RouteActionSchema,
  RouteMatchSchema,
  RouteSchema,
  VirtualHostSchema,
} from "../../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../proto/generated/envoy/config/route/v3/route_pb.ts";
import { Problems } from "../../proto/problems.ts";
import { WireFields } from "../../proto/wire-fields.ts";
import { routeDeps } from "../../proxy/parse-routes.ts";
import { plainRoute } from "../../router/empty-specs.ts";
import {
  checkDomains,
  parseRoute,
  parseRouteConfig,
  parseVirtualHost,
  type RouteContext,
  routeContext,
} from "../../router/parse.ts";
import { parseClusterAction } from "../../router/parse-cluster-action.ts";
import { parseMatch } from "../../router/parse-match.ts";
import type {
  ClusterActionSpec,
  RouteConfigSpec,
  RouteMatchSpec,
  RouteSpec,
  VirtualHostSpec,
} from "../../router/spec.ts";
import { validate } from "../validate.ts";
import { PartCache } from "./part-cache.ts";

/**
 * Reads route configurations without fault or warning from their bytes: a virtual host, route, match or action whose bytes stood in the version before, or
 * earlier in this one, is taken from there. Gives what parseRoutes gives of the whole message.
 */
export class RouteReader {
  readonly #parts = new Map<string, Parts>();

  /** null where there is a fault, and of VHDS: the message is to be read whole then, which tells. */
  read(value: Uint8Array): RouteConfigSpec | null {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
    try {
      const { message, hosts } = openConfig(bytes);
      if (message.vhds !== undefined) return null;
      const parts = this.#parts.get(message.name) ?? newParts();
      const spec = new Reading(bytes, parts, message).config(hosts);
      if (spec === null) return null;
      for (const cache of Object.values(parts)) cache.endVersion();
      this.#parts.set(message.name, parts);
      return spec;
    } catch {
      // fromBinary and WireFields throw on bytes that are not the wire format.
      return null;
    }
  }

  forget(name: string): void {
    this.#parts.delete(name);
  }
}

/** Of one route configuration. */
interface Parts {
  hosts: PartCache<VirtualHostSpec>;
  routes: PartCache<RouteSpec>;
  matches: PartCache<RouteMatchSpec>;
  /** null: such as are read with their route. */
  actions: PartCache<ClusterActionSpec | null>;
}

function newParts(): Parts {
  return { hosts: new PartCache(), routes: new PartCache(), matches: new PartCache(), actions: new PartCache() };
}

/** Where in the bytes a message stands. */
type Range = readonly [start: number, end: number];

/** The message without its virtual hosts, and where these are. */
function openConfig(bytes: Uint8Array): { message: RouteConfiguration; hosts: Range[] } {
  const { rest, taken } = takeOut(bytes, [0, bytes.length], hostsNumber);
  return { message: fromBinary(RouteConfigurationSchema, rest), hosts: taken };
}

/** The bytes of a message without one of its fields, and where the values of that one stand. */
function takeOut(bytes: Uint8Array, [start, end]: Range, number: number): { rest: Uint8Array; taken: Range[] } {
  const fields = new WireFields();
  const rest: Uint8Array[] = [];
  const taken: Range[] = [];
  for (fields.enter(bytes, start, end); fields.next(); ) {
    if (fields.number === number && fields.start >= 0) taken.push([fields.start, fields.end]);
    else rest.push(bytes.subarray(fields.fieldStart, fields.end));
  }
  return { rest: Buffer.concat(rest), taken };
}

/** One version. Each of its functions gives null on a fault. */
class Reading {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #parts: Parts;
  readonly #message: RouteConfiguration;
  readonly #context: RouteContext;
  readonly #problems = new Problems();
  readonly #fields = new WireFields();

  constructor(bytes: Buffer, parts: Parts, message: RouteConfiguration) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#parts = parts;
    this.#message = message;
    this.#context = routeContext(message, routeDeps);
  }

  config(hosts: readonly Range[]): RouteConfigSpec | null {
    validate(RouteConfigurationSchema, this.#message, this.#problems, "warn");
    if (this.#isFaulty()) return null;
    const spec = parseRouteConfig(this.#message, this.#problems, routeDeps);
    if (spec === null) return null;
    for (const range of hosts) {
      const host = this.#host(range);
      if (host === null) return null;
      spec.virtualHosts.push(host);
    }
    checkDomains(spec, this.#problems);
    return this.#isFaulty() ? null : spec;
  }

  #host(own: Range): VirtualHostSpec | null {
    const known = this.#parts.hosts.find(this.#view, ...own);
    if (known !== undefined) return known;
    const { rest, taken } = takeOut(this.#bytes, own, routesNumber);
    const message = fromBinary(VirtualHostSchema, rest);
    validate(VirtualHostSchema, message, this.#problems, "warn");
    if (message.matcher !== undefined && taken.length > 0) return null;
    const spec = parseVirtualHost(message, this.#problems, routeDeps, this.#context);
    for (const range of taken) {
      const route = this.#route(range);
      if (route === null) return null;
      spec.routes.push(route);
    }
    if (this.#isFaulty()) return null;
    if (Object.keys(spec.perFilterConfig).length === 0 && spec.matcher === null && spec.routes.every(saysAll))
      this.#parts.hosts.put(this.#view, ...own, spec);
    return spec;
  }

  #route([start, end]: Range): RouteSpec | null {
    const fields = this.#fields;
    let match: Range | null = null;
    let action: Range | null = null;
    /** null where it says more than match, action and a name in ASCII. */
    let name: string | null = "";
    /** A message that is said twice is merged. */
    let isTwice = false;
    for (fields.enter(this.#bytes, start, end); fields.next(); ) {
      if (fields.number === matchNumber) {
        isTwice ||= match !== null;
        match = [fields.start, fields.end];
      } else if (fields.number === actionNumber) {
        isTwice ||= action !== null;
        action = [fields.start, fields.end];
      } else name = fields.number === nameNumber && name === "" ? this.#asciiText(fields.start, fields.end) : null;
    }
    if (match === null || action === null || isTwice) return this.#wholeRoute(start, end);
    const matchSpec = this.#match(match);
    if (matchSpec === null) return null;
    // What an action may say depends on a template.
    const actionSpec = matchSpec.path.kind === "template" ? null : this.#action(action, matchSpec);
    if (actionSpec === null) return this.#isFaulty() ? null : this.#wholeRoute(start, end);
    // To put it together is as fast as to find it.
    if (name !== null) return { ...plainRoute, name, match: matchSpec, action: actionSpec };
    return this.#restOfRoute(start, end, matchSpec, actionSpec);
  }

  #wholeRoute(start: number, end: number): RouteSpec | null {
    const known = this.#parts.routes.find(this.#view, start, end);
    if (known !== undefined) return known;
    return this.#keep(start, end, this.#parseRoute(fromBinary(RouteSchema, this.#bytes.subarray(start, end))));
  }

  /** What a route says besides: read with sound ones in the places of its match and action. */
  #restOfRoute(start: number, end: number, match: RouteMatchSpec, action: ClusterActionSpec): RouteSpec | null {
    const known = this.#parts.routes.find(this.#view, start, end);
    if (known !== undefined) return known;
    const fields = this.#fields;
    const rest: Uint8Array[] = [];
    for (fields.enter(this.#bytes, start, end); fields.next(); )
      if (fields.number !== matchNumber && fields.number !== actionNumber)
        rest.push(this.#bytes.subarray(fields.fieldStart, fields.end));
    const message = fromBinary(RouteSchema, Buffer.concat(rest));
    if (message.action.case !== undefined) return this.#wholeRoute(start, end);
    const spec = this.#parseRoute({ ...message, match: soundMatch, action: soundAction });
    return this.#keep(start, end, spec === null ? null : { ...spec, match, action });
  }

  #parseRoute(message: Route): RouteSpec | null {
    validate(RouteSchema, message, this.#problems, "warn");
    const spec = parseRoute(message, this.#problems, routeDeps, this.#context);
    return this.#isFaulty() ? null : spec;
  }

  /** After it was looked for. */
  #keep(start: number, end: number, spec: RouteSpec | null): RouteSpec | null {
    if (spec !== null && saysAll(spec)) this.#parts.routes.put(this.#view, start, end, spec);
    return spec;
  }

  #match([start, end]: Range): RouteMatchSpec | null {
    const known = this.#parts.matches.find(this.#view, start, end);
    if (known !== undefined) return known;
    const message = fromBinary(RouteMatchSchema, this.#bytes.subarray(start, end));
    validate(RouteMatchSchema, message, this.#problems, "warn");
    const spec = parseMatch(message, this.#problems);
    if (this.#isFaulty()) return null;
    this.#parts.matches.put(this.#view, start, end, spec);
    return spec;
  }

  /** null, too, where filters are told something: that is the route's. */
  #action([start, end]: Range, match: RouteMatchSpec): ClusterActionSpec | null {
    const known = this.#parts.actions.find(this.#view, start, end);
    if (known !== undefined) return known;
    const message = fromBinary(RouteActionSchema, this.#bytes.subarray(start, end));
    validate(RouteActionSchema, message, this.#problems, "warn");
    const spec = parseClusterAction(message, match.path, this.#problems, routeDeps, this.#context);
    const isOwn = message.cors === undefined && saysNothingToFilters(spec);
    if (this.#isFaulty()) return null;
    this.#parts.actions.put(this.#view, start, end, isOwn ? spec : null);
    return isOwn ? spec : null;
  }

  /** Warnings too are for the whole reading, which names their places. */
  #isFaulty(): boolean {
    return this.#problems.list.length > 0;
  }

  /** null where it is not ASCII. */
  #asciiText(start: number, end: number): string | null {
    for (let i = start; i < end; i++) if ((this.#bytes[i] as number) > 0x7f) return null;
    return start < 0 ? null : this.#bytes.latin1Slice(start, end);
  }
}

/** Whether the bytes of a route say all: what is said to filters, and the body of a direct response, may come from files. */
function saysAll({ action, perFilterConfig }: RouteSpec): boolean {
  if (action.kind === "direct" || Object.keys(perFilterConfig).length > 0) return false;
  return action.kind !== "cluster" || saysNothingToFilters(action);
}

function saysNothingToFilters({ target }: ClusterActionSpec): boolean {
  return target.kind !== "weighted" || target.entries.every((entry) => Object.keys(entry.perFilterConfig).length === 0);
}

const { match: soundMatch, action: soundAction } = create(RouteSchema, {
  match: { pathSpecifier: { case: "prefix", value: "/" } },
  action: { case: "route", value: { clusterSpecifier: { case: "cluster", value: "a" } } },
});
const hostsNumber = RouteConfigurationSchema.field.virtualHosts.number;
const routesNumber = VirtualHostSchema.field.routes.number;
const matchNumber = RouteSchema.field.match.number;
const actionNumber = RouteSchema.field.route.number;
const nameNumber = RouteSchema.field.name.number;
