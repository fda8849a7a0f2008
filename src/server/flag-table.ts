/** One command-line flag of Envoy 1.40 or of ours. */
export interface FlagSpec {
  /** Long name without dashes. */
  name: string;
  /** One-letter alias, "" for none. */
  short: string;
  kind: "string" | "uint32" | "switch" | "list";
  /** Whether it changes anything here. Flags that do not are accepted, warned of once and shown in /server_info. */
  effect: "full" | "accepted";
  help: string;
}

/** Every flag, in the order `--help` shows them. */
export const flagTable: readonly FlagSpec[] = [
  flag("config-path", "string", "Path to the configuration file (.yaml, .json, .pb or .pb_text)", "c"),
  flag("config-yaml", "string", "Inline YAML configuration, merged over the contents of --config-path"),
  flag("mode", "string", "'serve' (default), 'validate' (check the configuration and exit) or 'init_only'"),
  flag("concurrency", "uint32", "Number of worker threads; by default the CPUs available, 0 means 1"),
  flag("service-cluster", "string", "Cluster name of the node"),
  flag("service-node", "string", "Node id"),
  flag("service-zone", "string", "Zone of the node"),
  flag("log-level", "string", "trace, debug, info (default), warning, warn, error, critical or off", "l"),
  flag("component-log-level", "string", "Levels of single loggers: upstream:debug,config:trace"),
  flag("log-format", "string", "Format of the log lines, in spdlog's syntax"),
  flag("log-path", "string", "File for the log; stderr by default"),
  flag("drain-time-s", "uint32", "Seconds that draining may take; 600 by default"),
  flag("drain-strategy", "string", "'gradual' (default) or 'immediate'"),
  flag(
    "drain-on-sigterm",
    "uint32",
    "Most seconds that SIGTERM drains for; --drain-time-s by default, 0 exits at once as Envoy",
  ),
  flag("parent-shutdown-time-s", "uint32", "Seconds after which a hot-restarted parent ends; 900 by default"),
  flag("admin-address-path", "string", "File to write the admin interface's host:port to"),
  flag("local-address-ip-version", "string", "v4 (default) or v6"),
  flag("file-flush-interval-msec", "uint32", "Longest wait before access logs are written; 10000 by default"),
  flag("file-flush-min-size-kb", "uint32", "Access log bytes that are written without waiting"),
  flag("allow-unknown-static-fields", "switch", "Accept unknown fields in the bootstrap"),
  flag("allow-unknown-fields", "switch", "The same, deprecated"),
  flag("reject-unknown-dynamic-fields", "switch", "Refuse unknown fields from xDS"),
  flag("ignore-unknown-dynamic-fields", "switch", "Ignore unknown fields from xDS, uncounted"),
  flag("stats-tag", "list", "tag:value put on every stat; may be repeated"),
  accepted("disable-extensions", "string", "Accepted: shown in /server_info; no extension is left out"),
  flag("cpuset-threads", "switch", "Take the default of --concurrency from the CPU set"),
  flag("hot-restart-version", "switch", "Print the hot restart compatibility version and exit"),
  accepted("disable-hot-restart", "switch", "Accepted: there is no shared-memory hot restart to disable"),
  accepted("base-id", "uint32", "Accepted: no shared memory needs an id"),
  accepted("use-dynamic-base-id", "switch", "Accepted: see --base-id"),
  accepted("base-id-path", "string", "Accepted: see --base-id"),
  accepted("restart-epoch", "uint32", "Accepted: shown in /server_info"),
  accepted("socket-path", "string", "Accepted: hot restart socket"),
  accepted("socket-mode", "string", "Accepted: hot restart socket"),
  accepted("skip-hot-restart-on-no-parent", "switch", "Accepted: no parent is ever looked for"),
  accepted("skip-hot-restart-parent-stats", "switch", "Accepted: no parent is ever looked for"),
  accepted("log-format-escaped", "switch", "Accepted: log lines are always escaped"),
  accepted("log-stacktrace-single-entry", "switch", "Accepted: a stack trace is always one entry"),
  accepted("enable-fine-grain-logging", "switch", "Accepted: loggers are those of /logging"),
  accepted("enable-mutex-tracing", "switch", "Accepted: there are no mutexes"),
  accepted("enable-core-dump", "switch", "Accepted: set ulimit -c instead"),
  accepted("skip-deprecated-logs", "switch", "Accepted: deprecated fields are not logged"),
];

function flag(name: string, kind: FlagSpec["kind"], help: string, short = ""): FlagSpec {
  return { name, short, kind, effect: "full", help };
}

function accepted(name: string, kind: FlagSpec["kind"], help: string): FlagSpec {
  return { name, short: "", kind, effect: "accepted", help };
}
