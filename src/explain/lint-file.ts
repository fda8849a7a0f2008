import { toJson } from "@bufbuild/protobuf";
import { BootstrapSchema } from "../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { typeRegistry } from "../proto/type-registry.ts";
import { allFilterChains, type HcmSpec, type ListenerSpec } from "../proxy/spec.ts";
import type { RouteConfigSpec } from "../router/spec.ts";
import type { LoadedFile } from "./file-world.ts";
import { type Finding, lintRoutes } from "./lint.ts";

/** All that is likely not meant in the routes of a bootstrap, and its clusters that nothing names. */
export function lintFile(file: LoadedFile): Finding[] {
  const findings: Finding[] = [];
  for (const listener of file.specs.listeners) {
    for (const hcm of managersOf(listener)) {
      const hasLimit = hcm.maxStreamDurationMs > 0;
      for (const config of routesOf(hcm)) {
        const place = `listener "${listener.name}"`;
        for (const one of lintRoutes(config, hasLimit)) findings.push({ ...one, where: `${place} ${one.where}` });
      }
    }
  }
  return [...findings, ...unusedClusters(file)];
}

/** None where it cannot be known: routes from outside, or that take a cluster's name from a header. */
function unusedClusters({ bootstrap, specs }: LoadedFile): Finding[] {
  const managers = specs.listeners.flatMap(managersOf);
  const isFromOutside =
    bootstrap.dynamicResources !== undefined ||
    managers.some(({ rds, scopedRoutes }) => rds !== null || (scopedRoutes !== null && scopedRoutes.inline === null));
  if (isFromOutside || managers.flatMap(routesOf).some(namesByHeader)) return [];
  const json = toJson(BootstrapSchema, bootstrap, { registry: typeRegistry }) as { staticResources?: object };
  const { clusters = [], ...others } = (json.staticResources ?? {}) as { clusters?: { name: string }[] };
  const named = new Set<string>();
  collectTexts({ ...json, staticResources: others }, named);
  // One cluster may name another.
  return clusters.flatMap(({ name }) => {
    const rest = new Set(named);
    collectTexts(
      clusters.filter((other) => other.name !== name),
      rest,
    );
    const what = "is named by nothing in the file";
    return rest.has(name) ? [] : [{ kind: "unused_cluster" as const, where: `cluster "${name}"`, what }];
  });
}

function namesByHeader({ virtualHosts }: RouteConfigSpec): boolean {
  return virtualHosts.some(({ routes }) =>
    routes.some(({ action }) => {
      if (action.kind !== "cluster") return false;
      const { target, mirrors } = action;
      if (target.kind === "header" || mirrors.some(({ clusterHeader }) => clusterHeader !== "")) return true;
      return target.kind === "weighted" && target.entries.some(({ clusterHeader }) => clusterHeader !== "");
    }),
  );
}

function collectTexts(value: unknown, into: Set<string>): void {
  if (typeof value === "string") into.add(value);
  else if (value !== null && typeof value === "object")
    for (const inner of Object.values(value)) collectTexts(inner, into);
}

function managersOf(listener: ListenerSpec): HcmSpec[] {
  return allFilterChains(listener).map(({ hcm }) => hcm);
}

function routesOf({ routeConfig, scopedRoutes }: HcmSpec): RouteConfigSpec[] {
  const scoped = (scopedRoutes?.inline ?? []).map((scope) => scope.routeConfig);
  return [routeConfig, ...scoped].filter((config) => config !== null);
}
