import { checkCoverage } from "../proto/coverage.ts";
import {
  type ProxyProtocolConfig,
  ProxyProtocolConfig_Version,
  type ProxyProtocolPassThroughTLVs,
  ProxyProtocolPassThroughTLVs_PassTLVsMatchType,
  type TlvEntry,
  TlvEntrySchema,
} from "../proto/generated/envoy/config/core/v3/proxy_protocol_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { ProxyHeaderSpec } from "./proxy-header.ts";
import type { ProxyTlv } from "./proxy-protocol.ts";

/** config.core.v3.ProxyProtocolConfig of an upstream to its Spec. Without one Envoy writes version 1. */
export function parseProxyHeader(message: ProxyProtocolConfig | undefined, problems: Problems): ProxyHeaderSpec {
  return {
    version: message?.version === ProxyProtocolConfig_Version.V2 ? 2 : 1,
    passed: passedTlvs(message?.passThroughTlvs),
    added: parseTlvs(message?.addedTlvs ?? [], problems.at("added_tlvs")),
  };
}

/** "all", or the types; none where the field is not set. */
export function passedTlvs(message: ProxyProtocolPassThroughTLVs | undefined): "all" | number[] {
  if (message === undefined) return [];
  const isAll = message.matchType === ProxyProtocolPassThroughTLVs_PassTLVsMatchType.INCLUDE_ALL;
  return isAll ? "all" : message.tlvType.map((type) => type & 0xff);
}

/** TLVs that a config adds, its own or an endpoint's. `problems` is at the list. */
export function parseTlvs(messages: readonly TlvEntry[], problems: Problems): ProxyTlv[] {
  return messages.map((message, i) => {
    const scope = problems.at(`[${i}]`);
    checkCoverage(TlvEntrySchema, message, scope, { honoured: ["type", "value"], harmless: [] });
    if (message.value.length === 0 && message.formatString === undefined) {
      scope.error("value", "is missing", {
        envoyText: "Invalid TLV configuration: one of 'value' or 'format_string' must be set.",
      });
    }
    return { type: message.type & 0xff, value: message.value };
  });
}
