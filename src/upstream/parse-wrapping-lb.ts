import { unpackAny } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import type { LoadBalancingPolicy } from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import {
  type ClientSideWeightedRoundRobin,
  ClientSideWeightedRoundRobinSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.ts";
import {
  type OverrideHost,
  OverrideHost_OverrideHostSourceSchema,
  OverrideHostSchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.ts";
import {
  type WrrLocality,
  WrrLocalitySchema,
} from "../proto/generated/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts";
import type { MetadataKey } from "../proto/generated/envoy/type/metadata/v3/metadata_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseHeaderName } from "../router/parse-headers.ts";
import { parseSlowStart } from "./parse-slow-start.ts";
import type { LbSpec, OverrideHostSpec } from "./spec.ts";

/** extensions.load_balancing_policies.override_host.v3.OverrideHost, without its fallback_policy. `problems` is that of the message, as below. */
export function parseOverrideHost(config: OverrideHost, problems: Problems): OverrideHostSpec {
  checkCoverage(OverrideHostSchema, config, problems, {
    honoured: ["override_host_sources", "selected_host_key", "fallback_policy"],
    harmless: [],
  });
  const sources = config.overrideHostSources.map((source, i) => {
    const at = problems.at(`override_host_sources[${i}]`);
    checkCoverage(OverrideHost_OverrideHostSourceSchema, source, at, {
      honoured: ["header", "metadata"],
      harmless: [],
    });
    const path = keyPath(source.metadata);
    if ((source.header === "") === (source.metadata === undefined)) {
      const text = source.header === "" ? "Empty override source" : "Only one override source must be set";
      at.error("", text, { envoyText: text });
    }
    return { header: parseHeaderName(source.header), path };
  });
  const selected = config.selectedHostKey;
  return { sources, selectedHostKey: selected === undefined ? null : keyPath(selected) };
}

/** extensions.load_balancing_policies.wrr_locality.v3.WrrLocality: localities by their weights, their hosts by the one policy that Envoy takes. */
export function parseWrrLocality(config: WrrLocality, lb: LbSpec, problems: Problems): void {
  checkCoverage(WrrLocalitySchema, config, problems, { honoured: ["endpoint_picking_policy"], harmless: [] });
  const policies: LoadBalancingPolicy["policies"] = config.endpointPickingPolicy?.policies ?? [];
  const scope = problems.at("endpoint_picking_policy.policies[0].typed_extension_config");
  const inner = policies[0]?.typedExtensionConfig?.typedConfig;
  const unpacked = inner === undefined ? null : unpackAny(inner, scope, "typed_config");
  if (unpacked?.desc.typeName !== ClientSideWeightedRoundRobinSchema.typeName) {
    const text =
      "Currently WrrLocalityLoadBalancer only supports ClientSideWeightedRoundRobinLoadBalancer as its endpoint picking policy.";
    problems.error("endpoint_picking_policy", text, { envoyText: text });
    return;
  }
  parseClientSideWeighted(unpacked.message as ClientSideWeightedRoundRobin, lb, scope.at("typed_config"));
  lb.isLocalityWeighted = true;
}

/** extensions.load_balancing_policies.client_side_weighted_round_robin.v3: round robin, as in Envoy before hosts report their load. */
export function parseClientSideWeighted(config: ClientSideWeightedRoundRobin, lb: LbSpec, problems: Problems): void {
  checkCoverage(ClientSideWeightedRoundRobinSchema, config, problems, {
    honoured: ["slow_start_config"],
    harmless: [
      "enable_oob_load_report",
      "oob_reporting_period",
      "oob_reporting_config",
      "blackout_period",
      "weight_expiration_period",
      "weight_update_period",
      "error_utilization_penalty",
      "metric_names_for_computing_utilization",
    ],
  });
  problems.warning("", "is round robin in Nuncio yet: the load that hosts report does not change their weights");
  lb.policy = "ROUND_ROBIN";
  lb.slowStart = parseSlowStart(config.slowStartConfig, problems.at("slow_start_config"));
}

function keyPath(key: MetadataKey | undefined): string[] {
  return key === undefined ? [] : [key.key, ...key.path.map(({ segment }) => String(segment.value ?? ""))];
}
