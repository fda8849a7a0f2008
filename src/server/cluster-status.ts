import { readHostStats } from "../upstream/host-stats.ts";
import type { ClusterSpec, HostSpec, LocalitySpec, ThresholdsSpec } from "../upstream/spec.ts";
import type { BreakerLimits, ClusterStatus, HostStatus } from "./admin/state.ts";

/** A cluster as /clusters shows it. `localities` are its endpoints now: those of the spec, or what DNS found since. */
export function clusterStatus(spec: ClusterSpec, localities: readonly LocalitySpec[] = spec.localities): ClusterStatus {
  return {
    name: spec.name,
    observabilityName: spec.observabilityName,
    addedViaApi: false,
    edsServiceName: "",
    defaultPriority: limits(spec.breakers.thresholds[0]),
    highPriority: limits(spec.breakers.thresholds[1]),
    hosts: localities.flatMap((locality) => locality.hosts.map((host) => hostStatus(host, locality))),
  };
}

function hostStatus(host: HostSpec, locality: LocalitySpec): HostStatus {
  const { cx_active, rq_active, rq_pending_active, ...counters } = readHostStats(host.shared);
  return {
    address: host.address,
    hostname: host.hostname,
    counters,
    gauges: { cx_active, rq_active, rq_pending_active },
    healthFlags: healthFlags[host.health],
    weight: host.weight,
    region: locality.region,
    zone: locality.zone,
    subZone: locality.subZone,
    canary: host.metadata?.["envoy.lb"]?.canary === true,
    priority: locality.priority,
    successRate: -1,
    localOriginSuccessRate: -1,
  };
}

function limits(thresholds: ThresholdsSpec): BreakerLimits {
  return {
    maxConnections: thresholds.maxConnections,
    maxPendingRequests: thresholds.maxPendingRequests,
    maxRequests: thresholds.maxRequests,
    maxRetries: thresholds.maxRetries,
  };
}

const healthFlags = { HEALTHY: "", DEGRADED: "/degraded_eds_health", UNHEALTHY: "/failed_eds_health" } as const;
