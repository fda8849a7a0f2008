import { checkCoverage } from "../proto/coverage.ts";
import type { CidrRange } from "../proto/generated/envoy/config/core/v3/address_pb.ts";
import {
  type FilterChainMatch,
  FilterChainMatch_ConnectionSourceType,
  FilterChainMatchSchema,
} from "../proto/generated/envoy/config/listener/v3/listener_components_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { FilterChainMatchSpec } from "./filter-chain-match.ts";

/** FilterChainMatch to its Spec; without one every connection matches. `isIgnored`: the listener has a matcher instead. */
export function parseMatch(
  message: FilterChainMatch | undefined,
  isIgnored: boolean,
  problems: Problems,
): FilterChainMatchSpec {
  if (message !== undefined) {
    checkCoverage(FilterChainMatchSchema, message, problems, {
      honoured: [
        "destination_port",
        "prefix_ranges",
        "direct_source_prefix_ranges",
        "source_type",
        "source_prefix_ranges",
        "source_ports",
        "server_names",
        "transport_protocol",
        "application_protocols",
      ],
      harmless: [],
    });
  }
  if (isIgnored) {
    if (message !== undefined) problems.warning("", "is ignored, as the listener has a filter_chain_matcher");
    return parseMatch(undefined, false, problems);
  }
  for (const [i, name] of (message?.serverNames ?? []).entries()) {
    if (name.includes("*") && !/^\*(?:\.[^*]+)?$/.test(name)) {
      problems.error(`server_names[${i}]`, `"${name}": a wildcard stands for whole labels at the front`, {
        envoyText: `partial wildcards are not supported in "server_names"`,
      });
    }
  }
  return {
    destinationPort: message?.destinationPort ?? 0,
    prefixRanges: ranges(message?.prefixRanges),
    serverNames: (message?.serverNames ?? []).map((name) => name.toLowerCase()),
    transportProtocol: message?.transportProtocol ?? "",
    applicationProtocols: [...(message?.applicationProtocols ?? [])],
    directSourcePrefixRanges: ranges(message?.directSourcePrefixRanges),
    sourceType: sourceTypes[message?.sourceType ?? 0] ?? "ANY",
    sourcePrefixRanges: ranges(message?.sourcePrefixRanges),
    sourcePorts: [...(message?.sourcePorts ?? [])],
  };
}

function ranges(messages: readonly CidrRange[] | undefined): FilterChainMatchSpec["prefixRanges"] {
  return (messages ?? []).map(({ addressPrefix, prefixLen }) => ({
    address: addressPrefix,
    prefixLength: prefixLen ?? 0,
  }));
}

const sourceTypes: Record<number, FilterChainMatchSpec["sourceType"]> = {
  [FilterChainMatch_ConnectionSourceType.SAME_IP_OR_LOOPBACK]: "SAME_IP_OR_LOOPBACK",
  [FilterChainMatch_ConnectionSourceType.EXTERNAL]: "EXTERNAL",
};
