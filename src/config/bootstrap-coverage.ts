import { tagRegex } from "../observability/tag-regex.ts";
import { checkCoverage } from "../proto/coverage.ts";
import {
  AdminSchema,
  type Bootstrap,
  Bootstrap_StaticResourcesSchema,
  BootstrapSchema,
  ClusterManagerSchema,
  RuntimeLayerSchema,
} from "../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { StatsConfigSchema } from "../proto/generated/envoy/config/metrics/v3/stats_pb.ts";
import type { Problems } from "../proto/problems.ts";

/** Names what a bootstrap sets for the process as a whole and Nuncio does not read. Listeners and clusters have their own. */
export function checkBootstrap(bootstrap: Bootstrap, problems: Problems): void {
  checkCoverage(BootstrapSchema, bootstrap, problems, { honoured, harmless });
  if (bootstrap.staticResources !== undefined) {
    checkCoverage(Bootstrap_StaticResourcesSchema, bootstrap.staticResources, problems.at("static_resources"), {
      honoured: ["listeners", "clusters", "secrets"],
      harmless: [],
    });
  }
  if (bootstrap.admin !== undefined) {
    checkCoverage(AdminSchema, bootstrap.admin, problems.at("admin"), {
      honoured: ["address", "profile_path"],
      harmless: ["access_log", "access_log_path", "socket_options", "ignore_global_conn_limit"],
    });
  }
  if (bootstrap.clusterManager !== undefined) {
    checkCoverage(ClusterManagerSchema, bootstrap.clusterManager, problems.at("cluster_manager"), {
      honoured: ["enable_deferred_cluster_creation", "local_cluster_name"],
      harmless: ["outlier_detection", "load_stats_config"],
    });
    const name = bootstrap.clusterManager.localClusterName;
    if (name !== "" && bootstrap.staticResources?.clusters.some((cluster) => cluster.name === name) !== true) {
      problems.error("cluster_manager.local_cluster_name", `there is no cluster "${name}" in static_resources`, {
        envoyText: `local cluster '${name}' must be defined`,
      });
    }
  }
  if (bootstrap.statsConfig !== undefined) {
    checkCoverage(StatsConfigSchema, bootstrap.statsConfig, problems.at("stats_config"), {
      honoured: ["stats_tags", "use_all_default_tags"],
      harmless: ["stats_matcher", "histogram_bucket_settings"],
    });
    for (const [i, { tagValue }] of bootstrap.statsConfig.statsTags.entries()) {
      if (tagValue.case !== "regex") continue;
      checkTagRegex(tagValue.value, problems.at(`stats_config.stats_tags[${i}]`));
    }
  }
  for (const [i, layer] of (bootstrap.layeredRuntime?.layers ?? []).entries()) {
    checkCoverage(RuntimeLayerSchema, layer, problems.at(`layered_runtime.layers[${i}]`), {
      honoured: ["name", "static_layer", "admin_layer", "disk_layer", "rtds_layer"],
      harmless: [],
    });
  }
}

function checkTagRegex(regex: string, problems: Problems): void {
  try {
    // With an empty alternative it matches, and tells its groups.
    const groups = (tagRegex(`${regex}|`, "").exec("")?.length ?? 1) - 1;
    if (groups === 0 && regex !== "") problems.warning("regex", "has no group to cut out, so it makes no tag");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problems.error("regex", error.message, { envoyText: `Invalid regex '${regex}': ` });
  }
}

const honoured = [
  "node",
  "static_resources",
  // bootstrapToSpecs says what of it is there.
  "dynamic_resources",
  "cluster_manager",
  "stats_config",
  "stats_flush_interval",
  "layered_runtime",
  "admin",
  "application_log_config",
];

/** They watch, measure or limit the process, or tune Envoy's insides. */
const harmless = [
  "node_context_params",
  "hds_config",
  "flags_path",
  "stats_sinks",
  "deferred_stat_options",
  "stats_flush_on_admin",
  "stats_eviction_interval",
  "watchdog",
  "watchdogs",
  "tracing",
  "overload_manager",
  "enable_dispatcher_stats",
  "stats_server_version_override",
  "bootstrap_extensions",
  "fatal_actions",
  "default_config_source",
  "certificate_provider_instances",
  "inline_headers",
  "perf_tracing_file_path",
  "default_regex_engine",
  "xds_delegate_extension",
  "xds_config_tracker_extension",
  "listener_manager",
  "grpc_async_client_manager_config",
  "memory_allocator_manager",
  "enable_worker_cpu_affinity",
];
