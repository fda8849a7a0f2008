import type { Bootstrap } from "../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { suggest } from "../proto/suggest.ts";
import { checkOwnAddresses } from "../proxy/check-listener.ts";
import { parseListener } from "../proxy/parse-listener.ts";
import type { ListenerSpec } from "../proxy/spec.ts";
import { clusterNames } from "../router/cluster-names.ts";
import { parseCluster } from "../upstream/parse.ts";
import type { ClusterSpec } from "../upstream/spec.ts";
import { checkBootstrap } from "./bootstrap-coverage.ts";
import { type DynamicSpec, parseDynamicResources } from "./dynamic/parse.ts";
import type { SecretStore } from "./secret-store.ts";

/** What a bootstrap's static resources become. */
export interface ServerSpec {
  listeners: ListenerSpec[];
  clusters: ClusterSpec[];
  dynamic: DynamicSpec;
}

/** Bootstrap to Specs, with Envoy's checks across resources. Null when a fault was found. `workers`: how many share the limits; `leniency`: runtime key nuncio.http1_envoy_leniency. */
export function bootstrapToSpecs(
  bootstrap: Bootstrap,
  problems: Problems,
  workers: number,
  leniency: boolean,
  secrets: SecretStore,
): ServerSpec | null {
  const before = problems.errorCount;
  checkBootstrap(bootstrap, problems);
  const resources = bootstrap.staticResources;
  const listeners: ListenerSpec[] = [];
  const clusters: ClusterSpec[] = [];
  const at = problems.at("static_resources");
  secrets.addStatic(resources?.secrets ?? [], at.at("secrets"));
  for (const [i, message] of (resources?.clusters ?? []).entries()) {
    const spec = parseCluster(message, at.at(`clusters[${i}]`), { workers, leniency, contexts: secrets });
    if (spec === null) continue;
    if (clusters.some((other) => other.name === spec.name)) {
      at.error(`clusters[${i}].name`, `a second cluster is called "${spec.name}"`, {
        envoyText: `cluster manager: duplicate cluster '${spec.name}'`,
      });
    }
    clusters.push(spec);
  }
  const known = new Set((resources?.clusters ?? []).map((cluster) => cluster.name));
  for (const [i, message] of (resources?.listeners ?? []).entries()) {
    const spec = parseListener(message, at.at(`listeners[${i}]`), secrets);
    if (spec === null) continue;
    checkOwnAddresses(spec, listeners, at.at(`listeners[${i}]`));
    for (const [c, chain] of spec.filterChains.entries()) {
      const path = `listeners[${i}].${message.defaultFilterChain !== undefined && c === message.filterChains.length ? "default_filter_chain" : `filter_chains[${c}]`}.filters[0].typed_config.route_config`;
      const routes = chain.hcm.routeConfig;
      if (routes === null || routes.validateClusters === false) continue;
      for (const { path: inner, name } of clusterNames(routes)) {
        if (known.has(name)) continue;
        at.error(`${path}.${inner}`, `there is no cluster "${name}"`, {
          suggestion: suggest(name, known),
          envoyText: `route: unknown cluster '${name}'`,
        });
      }
    }
    listeners.push(spec);
  }
  const dynamic = parseDynamicResources(bootstrap, problems);
  return problems.errorCount > before ? null : { listeners, clusters, dynamic };
}
