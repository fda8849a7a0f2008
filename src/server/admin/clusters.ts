import type { SocketAddress } from "../../net/address.ts";
import { addressText } from "../../net/address.ts";
import { type Endpoint, json, text, textField } from "./endpoint.ts";
import { compileFilter } from "./filter-regex.ts";
import type { BreakerLimits, ClusterStatus, HostStatus } from "./state.ts";

export const clusters: Endpoint = {
  path: "/clusters",
  help: "upstream cluster status",
  mutates: false,
  params: [textField("filter", "Regular expression (Google re2) for filtering clusters by name")],
  handle({ query }, state) {
    let list = state.clusters();
    const pattern = query.get("filter") ?? "";
    if (pattern !== "") {
      const filter = compileFilter(pattern);
      if (filter.error !== null) return text("Invalid re2 regex", 400);
      list = list.filter((cluster) => filter.matches(cluster.name));
    }
    if (query.get("format") !== "json") return text(list.map(clusterText).join(""));
    return json(list.length === 0 ? {} : { cluster_statuses: list.map(clusterJson) });
  },
};

function clusterText(cluster: ClusterStatus): string {
  const { name } = cluster;
  let out = `${name}::observability_name::${cluster.observabilityName}\n`;
  out += limitsText(name, "default_priority", cluster.defaultPriority);
  out += limitsText(name, "high_priority", cluster.highPriority);
  out += `${name}::added_via_api::${cluster.addedViaApi}\n`;
  if (cluster.edsServiceName !== "") out += `${name}::eds_service_name::${cluster.edsServiceName}\n`;
  for (const host of cluster.hosts) {
    const lines: Record<string, unknown> = {
      ...sorted({ ...host.counters, ...host.gauges }),
      hostname: host.hostname,
      health_flags: host.healthFlags === "" ? "healthy" : host.healthFlags,
      weight: host.weight,
      region: host.region,
      zone: host.zone,
      sub_zone: host.subZone,
      canary: host.canary,
      priority: host.priority,
      success_rate: host.successRate,
      local_origin_success_rate: host.localOriginSuccessRate,
    };
    const prefix = `${name}::${addressText(host.address)}::`;
    for (const [key, value] of Object.entries(lines)) out += `${prefix}${key}::${value}\n`;
  }
  return out;
}

function limitsText(cluster: string, priority: string, limits: BreakerLimits): string {
  const prefix = `${cluster}::${priority}::`;
  return (
    `${prefix}max_connections::${limits.maxConnections}\n${prefix}max_pending_requests::${limits.maxPendingRequests}\n` +
    `${prefix}max_requests::${limits.maxRequests}\n${prefix}max_retries::${limits.maxRetries}\n`
  );
}

/** envoy.admin.v3.ClusterStatus; like all proto JSON without the fields that have their default. */
function clusterJson(cluster: ClusterStatus): Record<string, unknown> {
  return {
    name: cluster.name,
    ...(cluster.addedViaApi ? { added_via_api: true } : {}),
    ...(cluster.hosts.length > 0 ? { host_statuses: cluster.hosts.map(hostJson) } : {}),
    circuit_breakers: {
      thresholds: [limitsJson(cluster.defaultPriority), { priority: "HIGH", ...limitsJson(cluster.highPriority) }],
    },
    observability_name: cluster.observabilityName,
    ...(cluster.edsServiceName === "" ? {} : { eds_service_name: cluster.edsServiceName }),
  };
}

function hostJson(host: HostStatus): Record<string, unknown> {
  const stat = (type: Record<string, string>) => (entry: [string, unknown]) => ({
    ...type,
    name: entry[0],
    ...(entry[1] === 0 ? {} : { value: String(entry[1]) }),
  });
  return {
    address: addressJson(host.address),
    stats: [
      ...Object.entries(sorted(host.counters)).map(stat({})),
      ...Object.entries(sorted(host.gauges)).map(stat({ type: "GAUGE" })),
    ],
    health_status: healthJson(host.healthFlags),
    ...(host.successRate === -1 ? {} : { success_rate: { value: host.successRate } }),
    weight: host.weight,
    ...(host.hostname === "" ? {} : { hostname: host.hostname }),
    ...(host.priority === 0 ? {} : { priority: host.priority }),
    ...(host.localOriginSuccessRate === -1
      ? {}
      : { local_origin_success_rate: { value: host.localOriginSuccessRate } }),
    locality: {
      ...(host.region === "" ? {} : { region: host.region }),
      ...(host.zone === "" ? {} : { zone: host.zone }),
      ...(host.subZone === "" ? {} : { sub_zone: host.subZone }),
    },
  };
}

function healthJson(flags: string): Record<string, unknown> {
  const status: Record<string, unknown> = {};
  for (const flag of flags.split("/")) {
    if (flag === "failed_active_hc") status.failed_active_health_check = true;
    else if (flag === "failed_outlier_check") status.failed_outlier_check = true;
    else if (flag === "degraded_active_hc") status.failed_active_degraded_check = true;
    else if (flag === "pending_dynamic_removal") status.pending_dynamic_removal = true;
    else if (flag === "pending_active_hc") status.pending_active_hc = true;
    else if (flag === "excluded_via_immediate_hc_fail") status.excluded_via_immediate_hc_fail = true;
    else if (flag === "active_hc_timeout") status.active_hc_timeout = true;
  }
  const eds = flags.includes("failed_eds_health")
    ? "UNHEALTHY"
    : flags.includes("degraded_eds")
      ? "DEGRADED"
      : "HEALTHY";
  return { ...status, eds_health_status: eds };
}

function limitsJson(limits: BreakerLimits): Record<string, number> {
  return {
    max_connections: limits.maxConnections,
    max_pending_requests: limits.maxPendingRequests,
    max_requests: limits.maxRequests,
    max_retries: limits.maxRetries,
  };
}

/** envoy.config.core.v3.Address. */
export function addressJson(address: SocketAddress): Record<string, unknown> {
  if (address.path !== null) return { pipe: { path: address.path } };
  return { socket_address: { address: address.host, port_value: address.port } };
}

function sorted(record: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
