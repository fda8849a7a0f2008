import type { Flags } from "../flags.ts";
import { buildVersion, hotRestartVersion } from "../version.ts";
import { type Endpoint, json } from "./endpoint.ts";

export const serverInfo: Endpoint = {
  path: "/server_info",
  help: "print server version/status information",
  mutates: false,
  params: [],
  handle(_request, state) {
    const uptime = `${Math.floor((Date.now() - state.startedAtMs) / 1000)}s`;
    return json({
      version: buildVersion(),
      state: state.serverState(),
      uptime_current_epoch: uptime,
      uptime_all_epochs: uptime,
      hot_restart_version: hotRestartVersion,
      command_line_options: commandLineOptions(state.flags, state.concurrency),
      node: { ...state.node(), client_features: [], listening_addresses: [], dynamic_parameters: {} },
      hot_restart_initializing: false,
    });
  },
};

/** envoy.admin.v3.CommandLineOptions, every field shown, in the order Envoy shows them. */
function commandLineOptions(flags: Flags, concurrency: number): Record<string, unknown> {
  const accepted = flags.accepted;
  const given = (name: string) => name in accepted;
  return {
    base_id: accepted["base-id"] ?? "0",
    concurrency,
    config_path: flags.configPath,
    config_yaml: flags.configYaml,
    allow_unknown_static_fields: flags.allowUnknownStaticFields,
    admin_address_path: flags.adminAddressPath,
    local_address_ip_version: flags.localAddressIpVersion,
    log_level: flags.logLevel,
    component_log_level: flags.componentLogLevelText,
    log_format: flags.logFormat,
    log_path: flags.logPath,
    service_cluster: flags.serviceCluster,
    service_node: flags.serviceNode,
    service_zone: flags.serviceZone,
    file_flush_interval: `${flags.fileFlushIntervalMs / 1000}s`,
    drain_time: `${flags.drainTimeS}s`,
    parent_shutdown_time: `${flags.parentShutdownTimeS}s`,
    mode: { serve: "Serve", validate: "Validate", init_only: "InitOnly" }[flags.mode],
    disable_hot_restart: given("disable-hot-restart"),
    enable_mutex_tracing: given("enable-mutex-tracing"),
    restart_epoch: Number(accepted["restart-epoch"] ?? 0),
    cpuset_threads: flags.cpusetThreads,
    reject_unknown_dynamic_fields: flags.rejectUnknownDynamicFields,
    log_format_escaped: given("log-format-escaped"),
    disabled_extensions: flags.disabledExtensions,
    ignore_unknown_dynamic_fields: flags.ignoreUnknownDynamicFields,
    use_dynamic_base_id: given("use-dynamic-base-id"),
    base_id_path: accepted["base-id-path"] ?? "",
    drain_strategy: flags.drainStrategy === "gradual" ? "Gradual" : "Immediate",
    enable_fine_grain_logging: given("enable-fine-grain-logging"),
    socket_path: accepted["socket-path"] ?? "@envoy_domain_socket",
    socket_mode: Number.parseInt(accepted["socket-mode"] ?? "0", 8) || 0,
    enable_core_dump: given("enable-core-dump"),
    stats_tag: flags.statsTags,
    skip_hot_restart_on_no_parent: given("skip-hot-restart-on-no-parent"),
    skip_hot_restart_parent_stats: given("skip-hot-restart-parent-stats"),
    skip_deprecated_logs: given("skip-deprecated-logs"),
    file_flush_min_size: flags.fileFlushMinSizeKb,
    log_stacktrace_single_entry: given("log-stacktrace-single-entry"),
  };
}
