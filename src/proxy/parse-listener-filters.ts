import { passedTlvs } from "../net/parse-proxy-header.ts";
import { unpackExtension } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import { ProxyProtocolConfig_Version } from "../proto/generated/envoy/config/core/v3/proxy_protocol_pb.ts";
import type { ListenerFilter } from "../proto/generated/envoy/config/listener/v3/listener_components_pb.ts";
import { HttpInspectorSchema } from "../proto/generated/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.ts";
import {
  type ProxyProtocol,
  ProxyProtocolSchema,
} from "../proto/generated/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts";
import {
  type TlsInspector,
  TlsInspectorSchema,
} from "../proto/generated/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { ListenerFilterSpec } from "./spec.ts";

/** listener_filters to their Specs, in order. */
export function parseListenerFilters(messages: readonly ListenerFilter[], problems: Problems): ListenerFilterSpec[] {
  return messages
    .map((message, i) => parse(message, problems.at(`listener_filters[${i}]`)))
    .filter((spec) => spec !== null);
}

function parse(message: ListenerFilter, problems: Problems): ListenerFilterSpec | null {
  if (message.configType.case !== "typedConfig") {
    problems.error(
      "typed_config",
      `${message.configType.case ?? "a config"} is not implemented in Nuncio; give a typed_config`,
    );
    return null;
  }
  if (message.filterDisabled !== undefined) problems.error("filter_disabled", "is not implemented in Nuncio yet");
  const unpacked = unpackExtension(message.name, message.configType.value, problems, "typed_config");
  const scope = problems.at("typed_config");
  switch (unpacked?.desc.typeName) {
    case undefined:
      return null;
    case TlsInspectorSchema.typeName:
      return parseTlsInspector(unpacked?.message as TlsInspector, scope);
    case HttpInspectorSchema.typeName:
      return { kind: "http_inspector" };
    case ProxyProtocolSchema.typeName:
      return parseProxyProtocol(unpacked?.message as ProxyProtocol, scope);
    default:
      problems.error("typed_config", `the listener filter ${unpacked?.desc.typeName} is not implemented in Nuncio yet`);
      return null;
  }
}

function parseTlsInspector(message: TlsInspector, problems: Problems): ListenerFilterSpec {
  checkCoverage(TlsInspectorSchema, message, problems, {
    honoured: ["enable_ja3_fingerprinting", "enable_ja4_fingerprinting"],
    harmless: ["initial_read_buffer_size", "close_connection_on_client_hello_parsing_errors", "max_client_hello_size"],
  });
  const { enableJa3Fingerprinting, enableJa4Fingerprinting } = message;
  return { kind: "tls_inspector", ja3: enableJa3Fingerprinting ?? false, ja4: enableJa4Fingerprinting ?? false };
}

function parseProxyProtocol(message: ProxyProtocol, problems: Problems): ListenerFilterSpec {
  checkCoverage(ProxyProtocolSchema, message, problems, {
    honoured: ["allow_requests_without_proxy_protocol", "disallowed_versions", "stat_prefix", "pass_through_tlvs"],
    // Of what a filter would say of them.
    harmless: ["tlv_location"],
  });
  const disallowed = message.disallowedVersions.map((version) => (version === ProxyProtocolConfig_Version.V2 ? 2 : 1));
  return {
    kind: "proxy_protocol",
    allowsNone: message.allowRequestsWithoutProxyProtocol,
    disallowed,
    passedTlvs: passedTlvs(message.passThroughTlvs),
    statPrefix: message.statPrefix,
  };
}
