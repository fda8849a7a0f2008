import { addressText } from "../net/address.ts";
import { type HostStatName, readHostStats } from "./host-stats.ts";
import type { ClusterSpec, HostHealth, LocalitySpec, ThresholdsSpec } from "./spec.ts";

/** What the admin interface shows of a cluster: the main thread's view, numbers summed over all workers. */
export interface ClusterView {
  name: string;
  observabilityName: string;
  /** By routing priority: default, high. */
  thresholds: [ThresholdsSpec, ThresholdsSpec];
  hosts: HostView[];
}

interface HostView {
  address: string;
  hostname: string;
  /** "healthy", or flags joined with "/": as /clusters prints them. */
  healthFlags: string;
  weight: number;
  region: string;
  zone: string;
  subZone: string;
  isCanary: boolean;
  priority: number;
  stats: Record<HostStatName, number>;
}

/** `localities` are those of the spec or of the last HostUpdate. */
export function viewCluster(spec: ClusterSpec, localities: readonly LocalitySpec[]): ClusterView {
  return {
    name: spec.name,
    observabilityName: spec.observabilityName,
    thresholds: spec.breakers.thresholds,
    hosts: localities.flatMap((locality) =>
      locality.hosts.map((host) => ({
        address: addressText(host.address),
        hostname: host.hostname,
        healthFlags: healthFlags[host.health],
        weight: host.weight,
        region: locality.region,
        zone: locality.zone,
        subZone: locality.subZone,
        isCanary: host.isCanary,
        priority: locality.priority,
        stats: readHostStats(host.shared),
      })),
    ),
  };
}

/** Only what a configuration says so far: its health_status is Envoy's EDS health. */
const healthFlags: Record<HostHealth, string> = {
  HEALTHY: "healthy",
  DEGRADED: "/eds_degraded",
  UNHEALTHY: "/failed_eds_health",
};
