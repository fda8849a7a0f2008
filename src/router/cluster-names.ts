import type { MirrorSpec, RouteConfigSpec } from "./spec.ts";

/** Every cluster named in the routes, with the field path that names it, for the check against the known ones. */
export function clusterNames(spec: RouteConfigSpec): { path: string; name: string }[] {
  const found: { path: string; name: string }[] = [];
  const mirrors = (list: readonly MirrorSpec[], path: string): void => {
    for (const [i, mirror] of list.entries()) {
      if (mirror.cluster !== "")
        found.push({ path: `${path}request_mirror_policies[${i}].cluster`, name: mirror.cluster });
    }
  };
  mirrors(spec.mirrors, "");
  for (const [v, vhost] of spec.virtualHosts.entries()) {
    mirrors(vhost.mirrors, `virtual_hosts[${v}].`);
    // Envoy does not check the routes of a matcher.
    for (const [r, route] of vhost.matcher === null ? vhost.routes.entries() : []) {
      if (route.action.kind !== "cluster") continue;
      const path = `virtual_hosts[${v}].routes[${r}].route.`;
      mirrors(route.action.mirrors, path);
      const target = route.action.target;
      if (target.kind === "cluster") found.push({ path: `${path}cluster`, name: target.name });
      if (target.kind !== "weighted") continue;
      for (const [w, entry] of target.entries.entries()) {
        if (entry.name !== "") found.push({ path: `${path}weighted_clusters.clusters[${w}].name`, name: entry.name });
      }
    }
  }
  return found;
}
