import { checkCoverage } from "../proto/coverage.ts";
import {
  type RateLimit,
  type RateLimit_Action,
  RateLimit_ActionSchema,
  type RateLimit_Override,
  RateLimitSchema,
} from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { MetadataKey } from "../proto/generated/envoy/type/metadata/v3/metadata_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { orNone } from "./empty-specs.ts";
import { parseHeaderName } from "./parse-headers.ts";
import { parseHeaderMatcher, parseQuery } from "./parse-match.ts";
import type { RateLimitActionSpec, RateLimitSpec } from "./rate-limit-spec.ts";
import { compileTemplate } from "./template-value.ts";

/** `rate_limits` of a route, virtual host or filter; `problems` is that of the list. */
export function parseRateLimits(messages: readonly RateLimit[], problems: Problems): RateLimitSpec[] {
  return orNone(messages.map((message, i) => parseRateLimit(message, problems.at(`[${i}]`))));
}

function parseRateLimit(message: RateLimit, problems: Problems): RateLimitSpec {
  checkCoverage(RateLimitSchema, message, problems, {
    honoured: ["stage", "actions", "hits_addend", "disable_key", "limit"],
    harmless: [],
  });
  const { hitsAddend: hits } = message;
  if (hits !== undefined && hits.format !== "" && hits.number !== undefined) {
    const text = "hits_addend must contain either a format or a number";
    problems.error("hits_addend", text, { envoyText: text });
  }
  return {
    stage: message.stage ?? 0,
    actions: message.actions
      .map((action, i) => parseAction(action, problems.at(`actions[${i}]`)))
      .filter((action) => action !== null),
    hitsAddend:
      hits === undefined
        ? null
        : hits.format === ""
          ? Number(hits.number ?? 1n)
          : templateOf(hits.format, problems.at("hits_addend.format")),
    hasNegativeHits: hits?.isNegativeHits ?? false,
    disableKey: message.disableKey,
    limit: parseOverride(message.limit),
  };
}

function parseOverride(message: RateLimit_Override | undefined): RateLimitSpec["limit"] {
  const override = message?.overrideSpecifier;
  if (override?.case === "dynamicMetadata") return pathOf(override.value.metadataKey);
  return override?.case === "rateLimit"
    ? { requestsPerUnit: override.value.requestsPerUnit, unit: override.value.unit }
    : null;
}

/** null after a fault. */
function parseAction(message: RateLimit_Action, problems: Problems): RateLimitActionSpec | null {
  checkCoverage(RateLimit_ActionSchema, message, problems, { honoured, harmless: [] });
  const action = message.actionSpecifier;
  switch (action.case) {
    case "sourceCluster":
    case "destinationCluster":
    case "remoteAddress":
      return { kind: action.case };
    case "requestHeaders": {
      const { headerName, descriptorKey, skipIfAbsent } = action.value;
      return {
        kind: "requestHeader",
        name: parseHeaderName(headerName),
        key: descriptorKey,
        skipsAbsent: skipIfAbsent,
      };
    }
    case "queryParameters": {
      const { queryParameterName, descriptorKey, skipIfAbsent } = action.value;
      return { kind: "queryParameter", name: queryParameterName, key: descriptorKey, skipsAbsent: skipIfAbsent };
    }
    case "maskedRemoteAddress": {
      const { v4PrefixMaskLen, v6PrefixMaskLen } = action.value;
      return { kind: "maskedRemoteAddress", v4Bits: v4PrefixMaskLen ?? 32, v6Bits: v6PrefixMaskLen ?? 128 };
    }
    case "genericKey":
      return { kind: "genericKey", ...describedValue(action.value, "generic_key", problems.at("generic_key")) };
    case "headerValueMatch": {
      const { value } = action;
      const scope = problems.at("header_value_match");
      const headers = value.headers.map((matcher, i) => parseHeaderMatcher(matcher, scope.at(`headers[${i}]`)));
      const expects = value.expectMatch ?? true;
      return { kind: "headerMatch", expects, headers, ...describedValue(value, "header_match", scope) };
    }
    case "queryParameterValueMatch": {
      const { value } = action;
      const scope = problems.at("query_parameter_value_match");
      const parameters = value.queryParameters.map((one, i) => parseQuery(one, scope.at(`query_parameters[${i}]`)));
      const expects = value.expectMatch ?? true;
      return { kind: "queryMatch", expects, parameters, ...describedValue(value, "query_match", scope) };
    }
    case "remoteAddressMatch": {
      const { value } = action;
      const { ranges = [], invertMatch: invert = false } = value.addressMatcher ?? {};
      const spec = describedValue(value, "remote_address_match", problems.at("remote_address_match"));
      return {
        kind: "addressMatch",
        ranges: ranges.map(({ addressPrefix, prefixLen }) => ({
          address: addressPrefix,
          prefixLength: prefixLen ?? 0,
        })),
        invert,
        ...spec,
      };
    }
    case "dynamicMetadata":
    case "metadata": {
      const { descriptorKey: key, metadataKey, defaultValue: byDefault } = action.value;
      const source = action.case === "metadata" && action.value.source === 1 ? "ROUTE_ENTRY" : "DYNAMIC";
      const skipsAbsent = action.case === "metadata" && action.value.skipIfAbsent;
      return { kind: "metadata", key, source, path: pathOf(metadataKey), byDefault, skipsAbsent };
    }
    case "extension": // checkCoverage refused it.
    case undefined:
      return null;
  }
}

function describedValue(
  message: { descriptorKey: string; descriptorValue: string; defaultValue: string },
  byDefaultKey: string,
  problems: Problems,
) {
  return {
    key: message.descriptorKey || byDefaultKey,
    value: templateOf(message.descriptorValue, problems.at("descriptor_value")),
    byDefault: message.defaultValue,
  };
}

/** As Envoy: what is no format string is taken as it is. */
function templateOf(text: string, problems: Problems): string {
  const compiled = text.includes("%") ? compileTemplate(text) : null;
  if (compiled === null || !("error" in compiled)) return text;
  problems.warning("", `is taken as it is: ${compiled.error}`);
  return text.replaceAll("%", "%%");
}

function pathOf(key: MetadataKey | undefined): string[] {
  return [key?.key ?? "", ...(key?.path ?? []).map(({ segment }) => String(segment.value ?? ""))];
}

const honoured = [
  "source_cluster",
  "destination_cluster",
  "request_headers",
  "query_parameters",
  "remote_address",
  "generic_key",
  "header_value_match",
  "dynamic_metadata",
  "metadata",
  "masked_remote_address",
  "query_parameter_value_match",
  "remote_address_match",
] as const;
