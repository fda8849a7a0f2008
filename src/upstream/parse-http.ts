import type { HeaderCase, Http1Options } from "../http/h1/options.ts";
import { defaultHttp1Options } from "../http/h1/options.ts";
import type { TlsContexts } from "../net/tls/contexts.ts";
import { unpackAs } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import { timeoutMs, timeoutMsOr } from "../proto/duration.ts";
import type { Cluster } from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import {
  type HttpProtocolOptions as CommonOptions,
  HttpProtocolOptionsSchema as CommonOptionsSchema,
  type Http1ProtocolOptions,
  Http1ProtocolOptionsSchema,
  type Http2ProtocolOptions,
  type UpstreamHttpProtocolOptions,
} from "../proto/generated/envoy/config/core/v3/protocol_pb.ts";
import {
  type HttpProtocolOptions,
  HttpProtocolOptions_AutoHttpConfigSchema,
  HttpProtocolOptionsSchema,
} from "../proto/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseRetryPolicy } from "../router/parse-retry.ts";
import { parseHttp2 } from "./parse-http2.ts";
import { parseUpstreamFilters } from "./parse-upstream-filters.ts";
import type { AutoSniSpec, ClusterSpec } from "./spec.ts";

/** The HTTP part of a ClusterSpec. */
export type HttpPart = Pick<
  ClusterSpec,
  | "protocol"
  | "http1"
  | "http2"
  | "idleTimeoutMs"
  | "maxConnectionDurationMs"
  | "maxStreamDurationMs"
  | "maxRequestsPerConnection"
  | "autoSni"
  | "credential"
  | "retryPolicy"
>;

/** HTTP options of a cluster: the typed HttpProtocolOptions, or the deprecated fields where there are none. */
export function parseHttp(
  message: Cluster,
  problems: Problems,
  { leniency, contexts }: { leniency: boolean; contexts: TlsContexts },
): HttpPart {
  const typed = parseTyped(message, problems);
  const common = typed === null ? message.commonHttpProtocolOptions : typed.options.commonHttpProtocolOptions;
  const commonPath = `${typed?.path ?? ""}common_http_protocol_options`;
  if (common !== undefined) checkCommon(common, problems.at(commonPath));
  const http1 = typed === null ? message.httpProtocolOptions : typed.http1;
  const http1Path = `${typed?.http1Path ?? ""}http_protocol_options`;
  const protocol = typed === null ? (message.http2ProtocolOptions === undefined ? "HTTP1" : "HTTP2") : typed.protocol;
  const http2 = typed === null ? message.http2ProtocolOptions : typed.http2;
  const parsed = parseHttp2(http2, problems.at(`${typed?.http1Path ?? ""}http2_protocol_options`), {
    maxHeadBytes: (common?.maxResponseHeadersKb ?? 80) * 1024,
    maxHeaders: common?.maxHeadersCount ?? 100,
    underscores: "ALLOW",
  });
  return {
    protocol,
    http2: { ...parsed, options: { ...parsed.options, leniency } },
    http1: parseHttp1(http1, common, problems.at(http1Path), leniency),
    idleTimeoutMs: timeoutMsOr(common?.idleTimeout, 3_600_000),
    maxConnectionDurationMs: timeoutMs(common?.maxConnectionDuration),
    maxStreamDurationMs: timeoutMs(common?.maxStreamDuration),
    autoSni: parseAutoSni(
      typed === null ? message.upstreamHttpProtocolOptions : typed.options.upstreamHttpProtocolOptions,
      problems.at(`${typed?.path ?? ""}upstream_http_protocol_options`),
    ),
    credential:
      typed === null ? null : parseUpstreamFilters(typed.options.httpFilters, problems.at(typed.key), contexts),
    retryPolicy:
      typed?.options.retryPolicy === undefined
        ? null
        : parseRetryPolicy(typed.options.retryPolicy, problems.at(`${typed.path}retry_policy`)),
    maxRequestsPerConnection: common?.maxRequestsPerConnection ?? message.maxRequestsPerConnection ?? 0,
  };
}

interface Typed {
  options: HttpProtocolOptions;
  protocol: ClusterSpec["protocol"];
  http1: Http1ProtocolOptions | undefined;
  http2: Http2ProtocolOptions | undefined;
  key: string;
  /** Paths in front of the fields, with the dot. */
  path: string;
  http1Path: string;
}

function parseTyped(message: Cluster, problems: Problems): Typed | null {
  let result: Typed | null = null;
  for (const [name, any] of Object.entries(message.typedExtensionProtocolOptions)) {
    const key = `typed_extension_protocol_options["${name}"]`;
    if (name !== extensionName) {
      problems.error(key, "is not a protocol Nuncio knows", {
        suggestion: extensionName,
        envoyText: `Didn't find a registered network or http filter or protocol options implementation for name: '${name}'`,
      });
      continue;
    }
    const options = unpackAs(HttpProtocolOptionsSchema, any, problems, key);
    if (options === null) continue;
    checkCoverage(HttpProtocolOptionsSchema, options, problems.at(key), {
      honoured: [
        "common_http_protocol_options",
        "explicit_http_config",
        "use_downstream_protocol_config",
        "auto_config",
        "upstream_http_protocol_options",
        "http_filters",
        "retry_policy",
      ],
      harmless: ["header_validation_config"],
    });
    result = { options, key, path: `${key}.`, ...chooseProtocol(options, problems.at(key), `${key}.`) };
  }
  return result;
}

function chooseProtocol(
  options: HttpProtocolOptions,
  problems: Problems,
  path: string,
): Pick<Typed, "protocol" | "http1" | "http2" | "http1Path"> {
  const choice = options.upstreamProtocolOptions;
  switch (choice.case) {
    case "explicitHttpConfig": {
      const protocol = choice.value.protocolConfig;
      const http1Path = `${path}explicit_http_config.`;
      const none = { http1: undefined, http2: undefined, http1Path };
      if (protocol.case === "httpProtocolOptions") return { ...none, protocol: "HTTP1", http1: protocol.value };
      if (protocol.case === "http2ProtocolOptions") return { ...none, protocol: "HTTP2", http2: protocol.value };
      problems.error("explicit_http_config", "HTTP/3 to upstreams is not possible on stock Node, which has no QUIC");
      return { ...none, protocol: "HTTP1" };
    }
    case "useDownstreamProtocolConfig":
      return {
        protocol: "DOWNSTREAM",
        http1: choice.value.httpProtocolOptions,
        http2: choice.value.http2ProtocolOptions,
        http1Path: `${path}use_downstream_protocol_config.`,
      };
    case "autoConfig":
      checkCoverage(HttpProtocolOptions_AutoHttpConfigSchema, choice.value, problems.at("auto_config"), {
        honoured: ["http_protocol_options", "http2_protocol_options"],
        // HTTP/3 is never chosen: Node has no QUIC.
        harmless: ["http3_protocol_options", "alternate_protocols_cache_options"],
      });
      return {
        protocol: "AUTO",
        http1: choice.value.httpProtocolOptions,
        http2: choice.value.http2ProtocolOptions,
        http1Path: `${path}auto_config.`,
      };
    case undefined:
      problems.error("", "one of explicit_http_config, use_downstream_protocol_config, auto_config must be set", {
        envoyText: 'Proto constraint validation failed (field: "upstream_protocol_options", reason: is required)',
      });
      return { protocol: "HTTP1", http1: undefined, http2: undefined, http1Path: path };
  }
}

function parseAutoSni(options: UpstreamHttpProtocolOptions | undefined, problems: Problems): AutoSniSpec | null {
  if (options === undefined) return null;
  const { autoSni, autoSanValidation, overrideAutoSniHeader } = options;
  if (!autoSni && overrideAutoSniHeader !== "")
    problems.warning("override_auto_sni_header", "means nothing without auto_sni");
  if (!autoSni && !autoSanValidation) return null;
  const header = autoSni ? overrideAutoSniHeader.toLowerCase() : "";
  return { setsServerName: autoSni, checksSan: autoSanValidation, header };
}

function checkCommon(common: CommonOptions, problems: Problems): void {
  checkCoverage(CommonOptionsSchema, common, problems, {
    honoured: [
      "idle_timeout",
      "max_connection_duration",
      "max_headers_count",
      "max_response_headers_kb",
      "max_stream_duration",
      "max_requests_per_connection",
    ],
    harmless: ["max_connection_duration_jitter", "headers_with_underscores_action"],
  });
}

function parseHttp1(
  options: Http1ProtocolOptions | undefined,
  common: CommonOptions | undefined,
  problems: Problems,
  leniency: boolean,
): Http1Options {
  if (options !== undefined) {
    checkCoverage(Http1ProtocolOptionsSchema, options, problems, {
      honoured: ["header_key_format", "enable_trailers"],
      harmless: [
        "allow_absolute_url",
        "accept_http_10",
        "default_host_for_http_10",
        "allow_chunked_length",
        "override_stream_error_on_invalid_http_message",
        "use_balsa_parser",
        "allow_custom_methods",
        "ignore_http_11_upgrade",
      ],
    });
  }
  return {
    ...defaultHttp1Options,
    leniency,
    // Envoy: MAX_RESPONSE_HEADERS_KB.
    maxHeadBytes: (common?.maxResponseHeadersKb ?? 80) * 1024,
    maxHeaders: common?.maxHeadersCount ?? 100,
    enableTrailers: options?.enableTrailers ?? false,
    headerCase: parseHeaderCase(options, problems),
  };
}

function parseHeaderCase(options: Http1ProtocolOptions | undefined, problems: Problems): HeaderCase {
  const format = options?.headerKeyFormat?.headerFormat;
  if (format?.case === undefined) return "lower";
  if (format.case === "properCaseWords") return "proper";
  const type = format.value.typedConfig?.typeUrl ?? "";
  if (type.endsWith("/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"))
    return "preserve";
  problems.error("header_key_format.stateful_formatter", `is not implemented in Nuncio: ${type}`);
  return "lower";
}

const extensionName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
