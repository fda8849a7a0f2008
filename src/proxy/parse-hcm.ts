import { parseHttpFilters } from "../filters/http-filters.ts";
import type { SecretTexts } from "../filters/parsers.ts";
import { parseAccessLogFilter, parseAccessLogs } from "../observability/access-log-parse.ts";
import { parseBodyFormat } from "../observability/parse-body-format.ts";
import { unpackAs } from "../proto/any.ts";
import { parseConfigSource } from "../proto/config-source.ts";
import { checkCoverage } from "../proto/coverage.ts";
import { durationMsOr } from "../proto/duration.ts";
import { HeaderValueOption_HeaderAppendAction } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type Http1ProtocolOptions,
  Http1ProtocolOptionsSchema,
  HttpProtocolOptions_HeadersWithUnderscoresAction,
  HttpProtocolOptionsSchema,
} from "../proto/generated/envoy/config/core/v3/protocol_pb.ts";
import {
  type HttpConnectionManager,
  HttpConnectionManager_CodecType,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManager_ServerHeaderTransformation,
  HttpConnectionManagerSchema,
  type LocalReplyConfig,
} from "../proto/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { UuidRequestIdConfigSchema } from "../proto/generated/envoy/extensions/request_id/uuid/v3/uuid_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { HeaderAddSpec } from "../router/spec.ts";
import { parseHttp2 } from "../upstream/parse-http2.ts";
import { parseClientCert } from "./parse-client-cert.ts";
import { parseEarlyMutations, parseOriginalIp } from "./parse-hcm-extensions.ts";
import { parseInlineRoutes } from "./parse-routes.ts";
import { parseScopedRoutes } from "./parse-scoped-routes.ts";
import type { HcmSpec, Http1Spec, LocalReplySpec } from "./spec.ts";

/** HttpConnectionManager to its Spec; null when a fault was found. */
export function parseHcm(message: HttpConnectionManager, problems: Problems, contexts: SecretTexts): HcmSpec | null {
  const before = problems.errorCount;
  checkCoverage(HttpConnectionManagerSchema, message, problems, {
    honoured: hcmHonoured,
    harmless: hcmHarmless,
  });
  if (message.codecType === HttpConnectionManager_CodecType.HTTP3) {
    problems.error("codec_type", "HTTP3 is not possible on stock Node, which has no QUIC");
  }
  const common = message.commonHttpProtocolOptions;
  if (common !== undefined) {
    checkCoverage(HttpProtocolOptionsSchema, common, problems.at("common_http_protocol_options"), {
      honoured: [
        "idle_timeout",
        "max_connection_duration",
        "max_headers_count",
        "max_stream_duration",
        "headers_with_underscores_action",
        "max_requests_per_connection",
      ],
      harmless: ["max_connection_duration_jitter", "max_response_headers_kb"],
    });
  }
  const secrets: HcmSpec["secrets"] = [];
  const filters = parseHttpFilters(message.httpFilters, problems, {
    openText: (config, at) => {
      const secret = contexts.openText(config, at);
      secrets.push(secret);
      return secret;
    },
  });
  let routeConfig: HcmSpec["routeConfig"] = null;
  let rds: HcmSpec["rds"] = null;
  let scopedRoutes: HcmSpec["scopedRoutes"] = null;
  if (message.routeSpecifier.case === "routeConfig") {
    routeConfig = parseInlineRoutes(message.routeSpecifier.value, problems.at("route_config"));
  } else if (message.routeSpecifier.case === "rds") {
    const { configSource, routeConfigName } = message.routeSpecifier.value;
    const source = parseConfigSource(configSource, problems.at("rds.config_source"));
    if (source !== null) rds = { routeConfigName, source };
  } else if (message.routeSpecifier.case === undefined) {
    problems.error("route_config", "is missing: one of rds, route_config, scoped_routes must be set");
  } else scopedRoutes = parseScopedRoutes(message.routeSpecifier.value, problems.at("scoped_routes"));
  const accessLogs = parseAccessLogs(message.accessLog, problems);
  const localReply =
    message.localReplyConfig === undefined ? null : parseLocalReply(message.localReplyConfig, problems);
  let packTraceReason = true;
  const idExtension = message.requestIdExtension?.typedConfig;
  if (idExtension !== undefined) {
    const uuid = unpackAs(UuidRequestIdConfigSchema, idExtension, problems, "request_id_extension.typed_config");
    packTraceReason = uuid?.packTraceReason ?? true;
  }
  const transformation = message.schemeHeaderTransformation?.transformation;
  const spec: HcmSpec = {
    statPrefix: message.statPrefix,
    secrets,
    routeConfig,
    rds,
    scopedRoutes,
    filters,
    accessLogs,
    idleTimeoutMs: durationMsOr(common?.idleTimeout, 3_600_000),
    maxConnectionDurationMs: durationMsOr(common?.maxConnectionDuration, 0),
    maxStreamDurationMs: durationMsOr(common?.maxStreamDuration, 0),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? 0,
    streamIdleTimeoutMs: durationMsOr(message.streamIdleTimeout, 300_000),
    requestTimeoutMs: durationMsOr(message.requestTimeout, 0),
    requestHeadersTimeoutMs: durationMsOr(message.requestHeadersTimeout, 0),
    drainTimeoutMs: durationMsOr(message.drainTimeout, 5000),
    delayedCloseTimeoutMs: durationMsOr(message.delayedCloseTimeout, 1000),
    maxRequestHeadersKb: message.maxRequestHeadersKb ?? 60,
    maxHeadersCount: common?.maxHeadersCount ?? 100,
    headersWithUnderscores: underscoreActions[common?.headersWithUnderscoresAction ?? 0] ?? "ALLOW",
    streamFlushTimeoutMs: durationMsOr(message.streamFlushTimeout, durationMsOr(message.streamIdleTimeout, 300_000)),
    clientCert: parseClientCert(message, problems),
    codec: codecs[message.codecType] ?? "AUTO",
    http1: parseHttp1(message.httpProtocolOptions, problems),
    http2: parseHttp2(message.http2ProtocolOptions, problems.at("http2_protocol_options"), {
      maxHeadBytes: (message.maxRequestHeadersKb ?? 60) * 1024,
      maxHeaders: common?.maxHeadersCount ?? 100,
      underscores: underscoreActions[common?.headersWithUnderscoresAction ?? 0] ?? "ALLOW",
    }),
    useRemoteAddress: message.useRemoteAddress ?? false,
    xffNumTrustedHops: message.xffNumTrustedHops,
    skipXffAppend: message.skipXffAppend,
    originalIp: parseOriginalIp(message, problems),
    earlyMutations: parseEarlyMutations(message, problems),
    via: message.via,
    addUserAgent: message.addUserAgent ?? false,
    serverName: message.serverName || "envoy",
    serverHeaderTransformation: serverTransformations[message.serverHeaderTransformation] ?? "OVERWRITE",
    proxy100Continue: message.proxy100Continue,
    generateRequestId: message.generateRequestId ?? true,
    preserveExternalRequestId: message.preserveExternalRequestId,
    alwaysSetRequestIdInResponse: message.alwaysSetRequestIdInResponse,
    packTraceReason,
    normalizePath: message.normalizePath ?? false,
    mergeSlashes: message.mergeSlashes,
    escapedSlashes: escapedSlashes[message.pathWithEscapedSlashesAction] ?? "KEEP_UNCHANGED",
    stripPort:
      message.stripPortMode.case === "stripAnyHostPort" && message.stripPortMode.value
        ? "ANY"
        : message.stripMatchingHostPort
          ? "MATCHING"
          : "NONE",
    stripTrailingHostDot: message.stripTrailingHostDot,
    schemeToOverwrite: transformation?.case === "schemeToOverwrite" ? transformation.value : "",
    appendXForwardedPort: message.appendXForwardedPort,
    upgrades: Object.fromEntries(message.upgradeConfigs.map((u) => [u.upgradeType.toLowerCase(), u.enabled ?? true])),
    localReply,
    internalCidrs: (message.internalAddressConfig?.cidrRanges ?? []).map((range) => ({
      address: range.addressPrefix,
      prefixLength: range.prefixLen ?? 0,
    })),
    unixSocketsInternal: message.internalAddressConfig?.unixSockets ?? false,
  };
  return problems.errorCount > before ? null : spec;
}

function parseHttp1(options: Http1ProtocolOptions | undefined, problems: Problems): Http1Spec {
  if (options !== undefined) {
    checkCoverage(Http1ProtocolOptionsSchema, options, problems.at("http_protocol_options"), {
      honoured: [
        "allow_absolute_url",
        "accept_http_10",
        "default_host_for_http_10",
        "header_key_format",
        "enable_trailers",
        "allow_custom_methods",
      ],
      harmless: [
        "use_balsa_parser",
        "allow_chunked_length",
        "override_stream_error_on_invalid_http_message",
        "ignore_http_11_upgrade",
      ],
    });
  }
  const format = options?.headerKeyFormat?.headerFormat;
  let headerFormat: Http1Spec["headerFormat"] = "default";
  if (format?.case === "properCaseWords") headerFormat = "proper_case";
  else if (format?.case === "statefulFormatter") {
    const type = format.value.typedConfig?.typeUrl ?? "";
    if (type.endsWith("envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"))
      headerFormat = "preserve_case";
    else problems.error("http_protocol_options.header_key_format.stateful_formatter", `is not implemented: ${type}`);
  }
  return {
    allowAbsoluteUrl: options?.allowAbsoluteUrl ?? true,
    acceptHttp10: options?.acceptHttp10 ?? false,
    defaultHostForHttp10: options?.defaultHostForHttp10 ?? "",
    enableTrailers: options?.enableTrailers ?? false,
    allowChunkedLength: options?.allowChunkedLength ?? false,
    allowCustomMethods: options?.allowCustomMethods ?? false,
    headerFormat,
  };
}

function parseLocalReply(config: LocalReplyConfig, problems: Problems): LocalReplySpec {
  const at = problems.at("local_reply_config");
  return {
    bodyFormat: parseBodyFormat(config.bodyFormat, at.at("body_format")),
    mappers: config.mappers.map((mapper, i) => {
      const scope = at.at(`mappers[${i}]`);
      const source = mapper.body?.specifier;
      let body: string | null = null;
      if (source?.case === "inlineString") body = source.value;
      else if (source?.case === "inlineBytes") body = Buffer.from(source.value).toString();
      else if (source !== undefined && source.case !== undefined)
        scope.error("body", `${source.case} is not implemented; use inline_string`);
      return {
        filter: mapper.filter === undefined ? null : parseAccessLogFilter(mapper.filter, scope.at("filter")),
        statusCode: mapper.statusCode ?? 0,
        body,
        bodyFormat: parseBodyFormat(mapper.bodyFormatOverride, scope.at("body_format_override")),
        headersToAdd: mapper.headersToAdd.map((option) => ({
          name: (option.header?.key ?? "").toLowerCase(),
          value: option.header?.value ?? "",
          action: appendActions[option.appendAction] ?? "APPEND_IF_EXISTS_OR_ADD",
          keepEmpty: option.keepEmptyValue,
        })),
      };
    }),
  };
}

const appendActions: Record<number, HeaderAddSpec["action"]> = {
  [HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD]: "APPEND_IF_EXISTS_OR_ADD",
  [HeaderValueOption_HeaderAppendAction.ADD_IF_ABSENT]: "ADD_IF_ABSENT",
  [HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD]: "OVERWRITE_IF_EXISTS_OR_ADD",
  [HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS]: "OVERWRITE_IF_EXISTS",
};
const underscoreActions: Record<number, HcmSpec["headersWithUnderscores"]> = {
  [HttpProtocolOptions_HeadersWithUnderscoresAction.ALLOW]: "ALLOW",
  [HttpProtocolOptions_HeadersWithUnderscoresAction.REJECT_REQUEST]: "REJECT_REQUEST",
  [HttpProtocolOptions_HeadersWithUnderscoresAction.DROP_HEADER]: "DROP_HEADER",
};
const serverTransformations: Record<number, HcmSpec["serverHeaderTransformation"]> = {
  [HttpConnectionManager_ServerHeaderTransformation.OVERWRITE]: "OVERWRITE",
  [HttpConnectionManager_ServerHeaderTransformation.APPEND_IF_ABSENT]: "APPEND_IF_ABSENT",
  [HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH]: "PASS_THROUGH",
};
const escapedSlashes: Record<number, HcmSpec["escapedSlashes"]> = {
  [HttpConnectionManager_PathWithEscapedSlashesAction.IMPLEMENTATION_SPECIFIC_DEFAULT]: "KEEP_UNCHANGED",
  [HttpConnectionManager_PathWithEscapedSlashesAction.KEEP_UNCHANGED]: "KEEP_UNCHANGED",
  [HttpConnectionManager_PathWithEscapedSlashesAction.REJECT_REQUEST]: "REJECT_REQUEST",
  [HttpConnectionManager_PathWithEscapedSlashesAction.UNESCAPE_AND_REDIRECT]: "UNESCAPE_AND_REDIRECT",
  [HttpConnectionManager_PathWithEscapedSlashesAction.UNESCAPE_AND_FORWARD]: "UNESCAPE_AND_FORWARD",
};

const hcmHonoured = [
  "codec_type",
  "stat_prefix",
  "rds",
  "route_config",
  "scoped_routes",
  "http_filters",
  "common_http_protocol_options",
  "http_protocol_options",
  "server_name",
  "server_header_transformation",
  "scheme_header_transformation",
  "max_request_headers_kb",
  "stream_idle_timeout",
  "request_timeout",
  "request_headers_timeout",
  "drain_timeout",
  "delayed_close_timeout",
  "access_log",
  "use_remote_address",
  "xff_num_trusted_hops",
  "internal_address_config",
  "skip_xff_append",
  "via",
  "add_user_agent",
  "proxy_100_continue",
  "generate_request_id",
  "preserve_external_request_id",
  "always_set_request_id_in_response",
  "upgrade_configs",
  "normalize_path",
  "merge_slashes",
  "path_with_escaped_slashes_action",
  "request_id_extension",
  "local_reply_config",
  "strip_matching_host_port",
  "strip_any_host_port",
  "strip_trailing_host_dot",
  "append_x_forwarded_port",
  "http2_protocol_options",
  "forward_client_cert_details",
  "stream_flush_timeout",
  "set_current_client_cert_details",
  "original_ip_detection_extensions",
  "early_header_mutation_extensions",
];
const codecs: Record<number, HcmSpec["codec"]> = {
  [HttpConnectionManager_CodecType.HTTP1]: "HTTP1",
  [HttpConnectionManager_CodecType.HTTP2]: "HTTP2",
};
const hcmHarmless = [
  "http3_protocol_options",
  "tracing",
  "drain_timeout_jitter",
  "access_log_flush_interval",
  "flush_access_log_on_new_request",
  "access_log_options",
  "stream_error_on_invalid_http_message",
  "http1_safe_max_connection_duration",
  "record_route_resolution_stats",
  "add_proxy_protocol_connection_state",
  "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
];
