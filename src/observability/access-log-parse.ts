import { readFileSync } from "node:fs";
import { unpackExtension } from "../proto/any.ts";
import type {
  AccessLog,
  AccessLogFilter,
  ComparisonFilter,
  ExtensionFilter,
} from "../proto/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import { ComparisonFilter_Op } from "../proto/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import type { SubstitutionFormatString } from "../proto/generated/envoy/config/core/v3/substitution_format_string_pb.ts";
import { AccessLogType } from "../proto/generated/envoy/data/accesslog/v3/accesslog_pb.ts";
import type { FileAccessLog } from "../proto/generated/envoy/extensions/access_loggers/file/v3/file_pb.ts";
import {
  type ExpressionFilter,
  ExpressionFilterSchema,
} from "../proto/generated/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts";
import type {
  StderrAccessLog,
  StdoutAccessLog,
} from "../proto/generated/envoy/extensions/access_loggers/stream/v3/stream_pb.ts";
import { parsePercent } from "../proto/percent.ts";
import type { Problems } from "../proto/problems.ts";
import { compileLogFormat } from "./access-log.ts";
import { parseHeader, parseValue } from "./access-log-parse-conditions.ts";
import type { AccessLogFilterSpec, AccessLogSpec, LogFormatSpec } from "./access-log-spec.ts";
import { parseCelConfig, parseCelText } from "./cel/parse.ts";
import { defaultFormat } from "./format.ts";
import { ResponseFlag } from "./response-flags.ts";

/** The access_log list of a listener or connection manager. Loggers that are not files get a warning and log nothing. */
export function parseAccessLogs(list: readonly AccessLog[], problems: Problems): AccessLogSpec[] {
  const specs: AccessLogSpec[] = [];
  for (let i = 0; i < list.length; i++) {
    const spec = parseAccessLog(list[i] as AccessLog, problems.at(`access_log[${i}]`));
    if (spec !== null) specs.push(spec);
  }
  return specs;
}

/** AccessLogFilter, also that of local reply mappers; null after telling what is wrong. */
export function parseAccessLogFilter(message: AccessLogFilter, problems: Problems): AccessLogFilterSpec | null {
  const specifier = message.filterSpecifier;
  switch (specifier.case) {
    case "statusCodeFilter":
      return parseComparison("statusCode", specifier.value.comparison, problems.at("status_code_filter"));
    case "durationFilter":
      return parseComparison("duration", specifier.value.comparison, problems.at("duration_filter"));
    case "notHealthCheckFilter":
      return { kind: "notHealthCheck" };
    case "traceableFilter":
      return { kind: "traceable" };
    case "runtimeFilter": {
      const { runtimeKey, percentSampled } = specifier.value;
      return { kind: "runtime", runtimeKey, ...parsePercent(percentSampled) };
    }
    case "andFilter":
      return parseList("and", specifier.value.filters, problems.at("and_filter"));
    case "orFilter":
      return parseList("or", specifier.value.filters, problems.at("or_filter"));
    case "headerFilter": {
      const header = parseHeader(specifier.value.header, problems.at("header_filter.header"));
      return header === null ? null : { kind: "header", header };
    }
    case "responseFlagFilter":
      return parseFlags(specifier.value.flags, problems.at("response_flag_filter"));
    case "grpcStatusFilter":
      return { kind: "grpcStatus", statuses: specifier.value.statuses, exclude: specifier.value.exclude };
    case "logTypeFilter": {
      const types = specifier.value.types.map((type) => logTypeNames.get(type) ?? "");
      return { kind: "logType", types, exclude: specifier.value.exclude };
    }
    case "metadataFilter": {
      const { matcher, matchIfKeyNotFound = true } = specifier.value;
      const scope = problems.at("metadata_filter.matcher");
      const value = parseValue(matcher?.value, scope.at("value"));
      if (matcher === undefined || value === null) return null;
      const path = [matcher.filter, ...matcher.path.map((segment) => segment.segment.value ?? "")];
      return { kind: "metadata", path, value, invert: matcher.invert, matchIfKeyNotFound };
    }
    case "extensionFilter":
      return parseExtensionFilter(specifier.value, problems.at("extension_filter"));
    case undefined:
      problems.error("", "is empty");
      return null;
  }
}

function parseExtensionFilter(message: ExtensionFilter, problems: Problems): AccessLogFilterSpec | null {
  const any = message.configType.value;
  const unpacked = unpackExtension(message.name, any, problems, "typed_config");
  if (unpacked === null) return null;
  const scope = problems.at("typed_config").at(unpacked.innerPath);
  if (unpacked.desc.typeName !== ExpressionFilterSchema.typeName) {
    scope.error("", `the access log filter ${unpacked.desc.typeName} is not implemented in Nuncio yet`);
    return null;
  }
  const { expression, celConfig } = unpacked.message as ExpressionFilter;
  const cel = parseCelText(expression, parseCelConfig(celConfig), scope.at("expression"));
  return cel === null ? null : { kind: "cel", expression: cel };
}

function parseComparison(
  kind: "statusCode" | "duration",
  message: ComparisonFilter | undefined,
  problems: Problems,
): AccessLogFilterSpec | null {
  if (message?.value === undefined) {
    problems.error("comparison", "is missing", { envoyText: "value is required" });
    return null;
  }
  return {
    kind,
    op: operators[message.op] ?? "EQ",
    value: message.value.defaultValue,
    runtimeKey: message.value.runtimeKey,
  };
}

function parseList(
  kind: "and" | "or",
  list: readonly AccessLogFilter[],
  problems: Problems,
): AccessLogFilterSpec | null {
  if (list.length < 2) {
    problems.error("filters", "needs at least two filters", { envoyText: "value must contain at least 2 item(s)" });
    return null;
  }
  const filters: AccessLogFilterSpec[] = [];
  for (let i = 0; i < list.length; i++) {
    const filter = parseAccessLogFilter(list[i] as AccessLogFilter, problems.at(`filters[${i}]`));
    if (filter !== null) filters.push(filter);
  }
  return filters.length === list.length ? { kind, filters } : null;
}

function parseFlags(names: readonly string[], problems: Problems): AccessLogFilterSpec | null {
  let flags = 0;
  for (let i = 0; i < names.length; i++) {
    const bit = (ResponseFlag as Record<string, number>)[names[i] as string];
    if (bit === undefined) {
      const known = JSON.stringify(Object.keys(ResponseFlag));
      problems.error(`flags[${i}]`, `is no response flag: ${names[i]}`, {
        envoyText: `value must be in list ${known}`,
      });
      return null;
    }
    flags |= bit;
  }
  return { kind: "responseFlag", flags };
}

/** SubstitutionFormatString; null after telling what is wrong. */
export function parseFormatString(message: SubstitutionFormatString, problems: Problems): LogFormatSpec | null {
  const enabled: string[] = [];
  for (let i = 0; i < message.formatters.length; i++) {
    const typeUrl = message.formatters[i]?.typedConfig?.typeUrl ?? "";
    if (typeUrl.endsWith(".req_without_query.v3.ReqWithoutQuery")) enabled.push("REQ_WITHOUT_QUERY");
    // METADATA and CEL are built in since Envoy 1.34; their entries change nothing.
    else if (!/\.formatters?\.(metadata|cel)\.v3\./.test(typeUrl)) {
      problems.error(`formatters[${i}]`, `is not implemented in Nuncio yet: ${typeUrl}`);
    }
  }
  const base = { omitEmptyValues: message.omitEmptyValues, enabled };
  const format = message.format;
  switch (format.case) {
    case "textFormat":
      return checked({ ...base, text: format.value, json: null }, problems, "text_format");
    case "jsonFormat":
      return checked({ ...base, text: null, json: format.value }, problems, "json_format");
    case "textFormatSource": {
      const text = readSource(format.value.specifier, problems.at("text_format_source"));
      return text === null ? null : checked({ ...base, text, json: null }, problems, "text_format_source");
    }
    case undefined:
      problems.error("format", "is missing");
      return null;
  }
}

function parseAccessLog(message: AccessLog, problems: Problems): AccessLogSpec | null {
  const filter = message.filter === undefined ? null : parseAccessLogFilter(message.filter, problems.at("filter"));
  if (message.filter !== undefined && filter === null) return null;
  const unpacked = unpackExtension(message.name, message.configType.value, problems, "typed_config");
  if (unpacked === null) return null;
  const scope = problems.at("typed_config").at(unpacked.innerPath);
  const typeName = unpacked.desc.typeName;
  if (typeName === "envoy.extensions.access_loggers.file.v3.FileAccessLog") {
    const file = unpacked.message as FileAccessLog;
    if (file.path === "") scope.error("path", "is empty", { envoyText: "value length must be at least 1 characters" });
    const format = parseFileFormat(file, scope);
    return file.path === "" || format === null ? null : { path: file.path, format, filter };
  }
  if (typeName.startsWith("envoy.extensions.access_loggers.stream.v3.")) {
    const stream = unpacked.message as StdoutAccessLog | StderrAccessLog;
    const path = typeName.endsWith("StderrAccessLog") ? "/dev/stderr" : "/dev/stdout";
    const logFormat = stream.accessLogFormat.value;
    const format = logFormat === undefined ? standard : parseFormatString(logFormat, scope.at("log_format"));
    return format === null ? null : { path, format, filter };
  }
  problems.warning("typed_config", `is accepted, but Nuncio does not write this kind of access log yet: ${typeName}`);
  return null;
}

function parseFileFormat(file: FileAccessLog, problems: Problems): LogFormatSpec | null {
  const format = file.accessLogFormat;
  switch (format.case) {
    case undefined:
      return standard;
    case "format":
      return format.value === "" ? standard : checked({ ...plain, text: format.value }, problems, "format");
    case "jsonFormat":
    case "typedJsonFormat": {
      const path = format.case === "jsonFormat" ? "json_format" : "typed_json_format";
      return checked({ ...plain, json: format.value }, problems, path);
    }
    case "logFormat":
      return parseFormatString(format.value, problems.at("log_format"));
  }
}

function checked(spec: LogFormatSpec, problems: Problems, path: string): LogFormatSpec | null {
  const formatter = compileLogFormat(spec);
  if (typeof formatter !== "string") return spec;
  problems.error(path, formatter, { envoyText: formatter });
  return null;
}

type DataSource = { case: string | undefined; value?: unknown };

function readSource(source: DataSource, problems: Problems): string | null {
  switch (source.case) {
    case "inlineString":
      return source.value as string;
    case "inlineBytes":
      return Buffer.from(source.value as Uint8Array).toString("utf8");
    case "environmentVariable": {
      const text = process.env[source.value as string];
      if (text !== undefined) return text;
      problems.error("environment_variable", `is not set: ${String(source.value)}`);
      return null;
    }
    case "filename":
      try {
        return readFileSync(source.value as string, "utf8");
      } catch (error) {
        // The file is named by the configuration: not being readable is its fault.
        const reason = error instanceof Error ? error.message : String(error);
        problems.error("filename", reason, { envoyText: `Invalid path: ${String(source.value)}` });
        return null;
      }
    default:
      problems.error("", "has no source");
      return null;
  }
}

const operators: Record<number, "EQ" | "GE" | "LE" | "NE"> = {
  [ComparisonFilter_Op.EQ]: "EQ",
  [ComparisonFilter_Op.GE]: "GE",
  [ComparisonFilter_Op.LE]: "LE",
  [ComparisonFilter_Op.NE]: "NE",
};

const logTypeNames = new Map<number, string>(Object.entries(AccessLogType).map(([name, value]) => [value, name]));

const plain: LogFormatSpec = { text: null, json: null, omitEmptyValues: false, enabled: [] };
const standard: LogFormatSpec = { ...plain, text: defaultFormat };
