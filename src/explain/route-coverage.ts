import { toText } from "@bufbuild/protobuf/txtpb";
import { type RouteMatch, RouteMatchSchema } from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RouteConfiguration } from "../proto/generated/envoy/config/route/v3/route_pb.ts";
import { messageAt } from "../proto/value-at.ts";
import type { Route } from "../router/route.ts";
import { type RouteConfigSpec, routePlace } from "../router/spec.ts";

/** What of a route may be checked: of one with a cluster, and of one that is answered here. */
const routeFields = ["cluster", "virtualCluster", "virtualHost", "pathRewrite", "hostRewrite"] as const;
const directFields = ["pathRedirect", "codeRedirect"] as const;
export type CoveredField = (typeof routeFields)[number] | (typeof directFields)[number];

/** Which routes and which of their fields tests have checked. Envoy: router_check Coverage. */
export class RouteCoverage {
  readonly #covered = new Map<Route, Set<CoveredField>>();
  readonly #names: ReadonlySet<string>;

  /** `names`: of the routes that count; the redirect of require_tls is none of them. */
  constructor(names: ReadonlySet<string>) {
    this.#names = names;
  }

  mark(route: Route, field: CoveredField): void {
    if (!this.#names.has(route.name)) return;
    const fields = this.#covered.get(route) ?? new Set();
    fields.add(field);
    this.#covered.set(route, fields);
  }

  /** Routes, each cluster of weighted ones for itself, of which one field was checked, in percent of `total`. */
  percent(total: number): number {
    return (100 * this.#covered.size) / total;
  }

  /** The same by the share of their fields. */
  percentOfFields(total: number): number {
    let sum = 0;
    for (const [route, fields] of this.#covered) {
      sum += fields.size / (route.kind === "cluster" ? routeFields : directFields).length;
    }
    return (100 * sum) / total;
  }

  covers(name: string): boolean {
    for (const route of this.#covered.keys()) if (route.name === name) return true;
    return false;
  }
}

/** The routes without a test, a line each. `names`: the unique ones, in the order of the spec's routes. `byMatch`: told by what they match. */
export function missingTests(
  config: RouteConfiguration,
  { virtualHosts }: RouteConfigSpec,
  names: readonly string[],
  coverage: RouteCoverage,
  byMatch: boolean,
): string[] {
  const lines: string[] = [];
  let at = 0;
  for (const [h, host] of virtualHosts.entries()) {
    for (const r of host.routes.keys()) {
      const name = names[at++] as string;
      if (coverage.covers(name)) continue;
      const match = messageAt(config, `virtual_hosts[${h}].${routePlace(host, r)}.match`);
      const text = match === null ? "" : toText(RouteMatchSchema, match as RouteMatch).trimEnd();
      lines.push(`Missing test for host: ${host.name}, ${byMatch ? `route: ${text}` : `route name: ${name}`}`);
    }
  }
  return lines;
}
