import { type FlagSpec, flagTable } from "./flag-table.ts";
import { loggerNames } from "./logger-names.ts";
import { hotRestartVersion, versionText } from "./version.ts";

/** The command line, checked. Every field has its value: Envoy's default where the flag was not given. */
export interface Flags {
  command: "run" | "demo";
  mode: "serve" | "validate" | "init_only";
  configPath: string;
  configYaml: string;
  /** null: as many workers as CPUs are available. */
  concurrency: number | null;
  cpusetThreads: boolean;
  serviceCluster: string;
  serviceNode: string;
  serviceZone: string;
  logLevel: string;
  /** Logger name to level. */
  componentLogLevels: Record<string, string>;
  componentLogLevelText: string;
  logFormat: string;
  logPath: string;
  drainTimeS: number;
  drainStrategy: "gradual" | "immediate";
  /** null: drainTimeS. 0: SIGTERM ends the process at once. */
  drainOnSigtermS: number | null;
  parentShutdownTimeS: number;
  adminAddressPath: string;
  localAddressIpVersion: "v4" | "v6";
  fileFlushIntervalMs: number;
  fileFlushMinSizeKb: number;
  allowUnknownStaticFields: boolean;
  rejectUnknownDynamicFields: boolean;
  ignoreUnknownDynamicFields: boolean;
  /** `tag:value` as given. */
  statsTags: string[];
  disabledExtensions: string[];
  /** Flags without an effect here that were given: name to value, "" for a switch. */
  accepted: Record<string, string>;
}

/** What the command line asks for: to run, or to print something and exit. */
export type FlagsResult =
  | { kind: "run"; flags: Flags; warnings: string[] }
  | { kind: "exit"; code: number; stdout: string; stderr: string };

/** Reads the arguments that follow the program's name. `program` is how messages call it. */
export function parseFlags(args: readonly string[], program = "nuncio"): FlagsResult {
  const given = new Map<string, string[]>();
  const command = args[0] === "demo" ? "demo" : "run";
  for (let i = command === "demo" ? 1 : 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === "--" || arg === "--ignore_rest") break;
    if (arg === "--version") return { kind: "exit", code: 0, stdout: versionText(program), stderr: "" };
    if (arg === "-h" || arg === "--help") return { kind: "exit", code: 0, stdout: helpText(program), stderr: "" };
    const equals = arg.indexOf("=");
    const spec = findFlag(equals < 0 ? arg : arg.slice(0, equals));
    if (spec === null) return parseError(program, arg, "Couldn't find match for argument");
    const values = given.get(spec.name) ?? [];
    given.set(spec.name, values);
    if (values.length > 0 && spec.kind !== "list")
      return parseError(program, argumentId(spec), "Argument already set!");
    if (spec.kind === "switch") {
      const value = equals < 0 ? "true" : arg.slice(equals + 1);
      if (value !== "true" && value !== "1") {
        if (value !== "false" && value !== "0") return parseError(program, arg, "Couldn't find match for argument");
        given.delete(spec.name);
      } else values.push("");
      continue;
    }
    if (equals < 0 && i + 1 >= args.length) {
      return parseError(program, argumentId(spec), "Missing a value for this argument!");
    }
    const value = equals < 0 ? args[++i] : arg.slice(equals + 1);
    if (spec.kind === "uint32" && !(/^\d+$/.test(value) && Number(value) <= 0xffff_ffff)) {
      return parseError(program, argumentId(spec), `Couldn't read argument value from string '${value}'`);
    }
    values.push(value);
  }
  if (given.has("hot-restart-version")) return { kind: "exit", code: 0, stdout: "", stderr: hotRestartVersion };
  return check(given, command);
}

function check(given: Map<string, string[]>, command: Flags["command"]): FlagsResult {
  const text = (name: string, fallback = "") => given.get(name)?.[0] ?? fallback;
  const number = (name: string, fallback: number) => Number(text(name, String(fallback)));
  const mode = text("mode", "serve");
  if (mode !== "serve" && mode !== "validate" && mode !== "init_only") return refuse(`unknown mode '${mode}'`);
  const logLevel = text("log-level", "info");
  if (!isLevel(logLevel)) return refuse(`invalid log level specified '${logLevel}'`);
  if (given.has("component-log-level") && given.has("enable-fine-grain-logging")) {
    return refuse("--component-log-level will not work with --enable-fine-grain-logging");
  }
  const components = componentLevels(text("component-log-level"));
  if (typeof components === "string") return refuse(components);
  const ipVersion = text("local-address-ip-version", "v4");
  if (ipVersion !== "v4" && ipVersion !== "v6") return refuse(`unknown IP address version '${ipVersion}'`);
  const drainStrategy = text("drain-strategy", "gradual");
  if (drainStrategy !== "gradual" && drainStrategy !== "immediate") {
    return refuse(`unknown drain-strategy '${drainStrategy}'`);
  }
  const epoch = number("restart-epoch", 0);
  if (given.has("use-dynamic-base-id") && epoch > 0) {
    return refuse(`cannot use --restart-epoch=${epoch} with --use-dynamic-base-id`);
  }
  const statsTags = given.get("stats-tag") ?? [];
  for (const tag of statsTags) {
    const fault = statsTagFault(tag);
    if (fault !== "") return refuse(fault);
  }
  const accepted: Record<string, string> = {};
  const warnings: string[] = [];
  for (const spec of flagTable) {
    if (spec.effect === "accepted" && given.has(spec.name)) accepted[spec.name] = text(spec.name);
  }
  if (Object.keys(accepted).length > 0) {
    warnings.push(
      `accepted without effect: ${Object.keys(accepted)
        .map((name) => `--${name}`)
        .join(" ")}`,
    );
  }
  if (given.has("allow-unknown-fields")) {
    warnings.push("--allow-unknown-fields is deprecated, use --allow-unknown-static-fields instead.");
  }
  const flags: Flags = {
    command,
    mode,
    configPath: text("config-path"),
    configYaml: text("config-yaml"),
    concurrency: given.has("concurrency") ? Math.max(1, number("concurrency", 1)) : null,
    cpusetThreads: given.has("cpuset-threads"),
    serviceCluster: text("service-cluster"),
    serviceNode: text("service-node"),
    serviceZone: text("service-zone"),
    logLevel: logLevel === "warn" ? "warning" : logLevel,
    componentLogLevels: components,
    componentLogLevelText: text("component-log-level"),
    logFormat: text("log-format", defaultLogFormat),
    logPath: text("log-path"),
    drainTimeS: number("drain-time-s", 600),
    drainStrategy,
    drainOnSigtermS: given.has("drain-on-sigterm") ? number("drain-on-sigterm", 0) : null,
    parentShutdownTimeS: number("parent-shutdown-time-s", 900),
    adminAddressPath: text("admin-address-path"),
    localAddressIpVersion: ipVersion,
    fileFlushIntervalMs: number("file-flush-interval-msec", 10_000),
    fileFlushMinSizeKb: number("file-flush-min-size-kb", 0),
    allowUnknownStaticFields: given.has("allow-unknown-static-fields") || given.has("allow-unknown-fields"),
    rejectUnknownDynamicFields: given.has("reject-unknown-dynamic-fields"),
    ignoreUnknownDynamicFields: given.has("ignore-unknown-dynamic-fields"),
    statsTags,
    disabledExtensions: text("disable-extensions")
      .split(",")
      .filter((name) => name !== ""),
    accepted,
  };
  return { kind: "run", flags, warnings };
}

/** `upstream:debug,config:trace` as a record, or the sentence that says what is wrong with it. */
export function componentLevels(text: string): Record<string, string> | string {
  const levels: Record<string, string> = {};
  for (const part of text.split(",")) {
    if (part === "") continue;
    const [name, level, ...rest] = part.split(":");
    if (level === undefined || rest.length > 0) return `component log level not correctly specified '${part}'`;
    if (!isLevel(level)) return `invalid log level specified '${level}'`;
    if (!loggerNames.includes(name)) return `invalid component specified '${name}'`;
    levels[name] = level === "warn" ? "warning" : level;
  }
  return levels;
}

/** Envoy: names are alphanumeric (and "_"), values have no dot. */
function statsTagFault(tag: string): string {
  const colon = tag.indexOf(":");
  if (colon < 0) return `misformatted stats-tag '${tag}'`;
  const name = tag.slice(0, colon);
  const value = tag.slice(colon + 1);
  if (!/^\w+$/.test(name)) return `misformatted stats-tag '${tag}' contains invalid char in '${name}'`;
  return value.includes(".") ? `misformatted stats-tag '${tag}' contains invalid char in '${value}'` : "";
}

function findFlag(arg: string): FlagSpec | null {
  if (arg.startsWith("--")) return flagTable.find((spec) => spec.name === arg.slice(2)) ?? null;
  return (arg.length === 2 && arg[0] === "-" && flagTable.find((spec) => spec.short === arg[1])) || null;
}

function isLevel(level: string): boolean {
  return levels.includes(level);
}

function argumentId(spec: FlagSpec): string {
  return spec.short === "" ? `(--${spec.name})` : `-${spec.short} (--${spec.name})`;
}

/** The wording and the exit code of TCLAP, which reads Envoy's command line. */
function parseError(program: string, argument: string, fault: string): FlagsResult {
  const stderr = `PARSE ERROR: Argument: ${argument}\n             ${fault}\n\nFor complete USAGE and HELP type: \n   ${program} --help\n\n`;
  return { kind: "exit", code: 1, stdout: "", stderr };
}

function refuse(fault: string): FlagsResult {
  return { kind: "exit", code: 1, stdout: "", stderr: `error: ${fault}\n` };
}

function helpText(program: string): string {
  const lines = [
    "",
    "USAGE:",
    "",
    `   ${program} -c envoy.yaml [flags]`,
    `   ${program} demo`,
    `   ${program} config --help`,
    `   ${program} explain --help`,
    `   ${program} routes --help`,
    `   ${program} route-check --help`,
    "",
    "",
    "Where:",
    "",
  ];
  for (const spec of flagTable) {
    const value = spec.kind === "switch" ? "" : ` <${spec.kind === "uint32" ? "uint32_t" : "string"}>`;
    const short = spec.short === "" ? "" : `-${spec.short}${value},  `;
    const repeat = spec.kind === "list" ? "  (accepted multiple times)" : "";
    lines.push(`   ${short}--${spec.name}${value}${repeat}`, `     ${spec.help}`, "");
  }
  lines.push("   --,  --ignore_rest", "     Ignores the arguments that follow.", "");
  lines.push("   --version", "     Displays version information and exits.", "");
  lines.push("   -h,  --help", "     Displays usage information and exits.", "");
  return `${lines.join("\n")}\n`;
}

const levels = ["trace", "debug", "info", "warning", "warn", "error", "critical", "off"];
/** Envoy's. */
export const defaultLogFormat = "[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v";
