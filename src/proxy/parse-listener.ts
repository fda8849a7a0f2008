import { type NetworkFilterSpec, parseNetworkFilter } from "../filters/network/parsers.ts";
import { addressText } from "../net/address.ts";
import type { TlsContexts } from "../net/tls/contexts.ts";
import { parseDownstreamTransportSocket } from "../net/tls/parse-transport-socket.ts";
import { parseAccessLogs } from "../observability/access-log-parse.ts";
import { unpackExtension } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import { durationMsOr } from "../proto/duration.ts";
import { TrafficDirection } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type FilterChain,
  FilterChainSchema,
} from "../proto/generated/envoy/config/listener/v3/listener_components_pb.ts";
import {
  type Listener,
  Listener_DrainType,
  ListenerSchema,
} from "../proto/generated/envoy/config/listener/v3/listener_pb.ts";
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
} from "../proto/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { MetadataSpec } from "../router/spec.ts";
import { checkDuplicates, checkNames } from "./check-listener.ts";
import { parseAddresses } from "./parse-addresses.ts";
import { parseMatch } from "./parse-filter-chain-match.ts";
import { parseFilterChainMatcher } from "./parse-filter-chain-matcher.ts";
import { parseHcm } from "./parse-hcm.ts";
import { parseListenerFilters } from "./parse-listener-filters.ts";
import type { FilterChainSpec, HcmSpec, ListenerSpec } from "./spec.ts";

/** Listener to its Spec; null when a fault was found. */
export function parseListener(message: Listener, problems: Problems, contexts: TlsContexts): ListenerSpec | null {
  const before = problems.errorCount;
  checkCoverage(ListenerSchema, message, problems, { honoured, harmless });
  const addresses = parseAddresses(message, problems);
  const address = addresses[0]?.address ?? null;
  const text = address === null ? "" : addressText(address);
  const statName = message.statPrefix || text.replaceAll(":", "_");
  if (message.filterChains.length === 0 && message.defaultFilterChain === undefined) {
    problems.error("filter_chains", "is empty: a listener needs at least one filter chain", {
      envoyText: `error adding listener '${text}': no filter chains specified`,
    });
  }
  const accessLogs = parseAccessLogs(message.accessLog, problems);
  const listenerFilters = parseListenerFilters(message.listenerFilters, problems);
  const matcher = message.filterChainMatcher;
  const context: ChainContext = { contexts, owner: `listener.${statName}.`, hasMatcher: matcher !== undefined };
  const filterChains = message.filterChains
    .map((chain, i) => parseFilterChain(chain, problems.at(`filter_chains[${i}]`), context))
    .filter((spec) => spec !== null);
  const names = message.filterChains.map(({ name }) => name);
  if (matcher === undefined) checkDuplicates(filterChains, address, problems);
  else checkNames(names, address, problems);
  const filterChainMatcher =
    matcher === undefined
      ? null
      : parseFilterChainMatcher(matcher, new Set(names), problems.at("filter_chain_matcher"));
  const defaultFilterChain =
    message.defaultFilterChain === undefined
      ? null
      : parseFilterChain(message.defaultFilterChain, problems.at("default_filter_chain"), context);
  if (problems.errorCount > before) return null;
  return {
    name: message.name || text,
    addresses,
    metadata: (message.metadata?.filterMetadata as MetadataSpec | undefined) ?? null,
    statName,
    bufferLimitBytes: message.perConnectionBufferLimitBytes ?? 1024 * 1024,
    trafficDirection: trafficDirections[message.trafficDirection] ?? "UNSPECIFIED",
    drainType: message.drainType === Listener_DrainType.MODIFY_ONLY ? "MODIFY_ONLY" : "DEFAULT",
    backlog: message.tcpBacklogSize ?? 4096,
    bindsToPort: message.bindToPort ?? true,
    accessLogs,
    filterChains,
    filterChainMatcher,
    defaultFilterChain,
    listenerFilters,
    listenerFiltersTimeoutMs: durationMsOr(message.listenerFiltersTimeout, 15_000),
    continuesOnListenerFiltersTimeout: message.continueOnListenerFiltersTimeout,
  };
}

/** What a listener's chains need of it. */
interface ChainContext {
  contexts: TlsContexts;
  /** The listener's stat prefix. */
  owner: string;
  hasMatcher: boolean;
}

function parseFilterChain(chain: FilterChain, problems: Problems, context: ChainContext): FilterChainSpec | null {
  checkCoverage(FilterChainSchema, chain, problems, {
    honoured: ["filters", "name", "filter_chain_match", "transport_socket"],
    harmless: ["metadata", "transport_socket_connect_timeout"],
  });
  const filters = parseNetworkFilters(chain, problems, context.contexts);
  const match = parseMatch(chain.filterChainMatch, context.hasMatcher, problems.at("filter_chain_match"));
  const tls = parseDownstreamTransportSocket(
    chain.transportSocket,
    problems.at("transport_socket"),
    context.contexts,
    context.owner,
  );
  return filters === null ? null : { name: chain.name, match, tls, ...filters };
}

/** The connection manager, which must be the last, and what stands in front of it; null after a fault. */
function parseNetworkFilters(
  chain: FilterChain,
  problems: Problems,
  contexts: TlsContexts,
): Pick<FilterChainSpec, "networkFilters" | "hcm"> | null {
  const last = chain.filters.length - 1;
  if (last < 0) problems.error("filters", "is empty: the HTTP connection manager must stand there");
  const networkFilters: NetworkFilterSpec[] = [];
  let hcm: HcmSpec | null = null;
  for (const [i, filter] of chain.filters.entries()) {
    const scope = problems.at(`filters[${i}]`);
    if (filter.configType.case !== "typedConfig") {
      scope.error("typed_config", "is missing");
      continue;
    }
    const unpacked = unpackExtension(filter.name, filter.configType.value, scope, "typed_config");
    if (unpacked === null) continue;
    const { typeName } = unpacked.desc;
    if (typeName === HttpConnectionManagerSchema.typeName) {
      if (i < last) {
        scope.error("", "ends the connection's way: it must be the last", {
          envoyText: `Error: terminal filter named ${filter.name} of type ${hcmName} must be the last filter in a network filter chain.`,
        });
      }
      hcm = parseHcm(unpacked.message as HttpConnectionManager, scope.at("typed_config"), contexts);
      continue;
    }
    const spec = parseNetworkFilter(typeName, unpacked.message, scope.at("typed_config"));
    if (spec !== null) networkFilters.push(spec);
    if (spec !== null && i === last) {
      scope.error("", "stands last, where the HTTP connection manager must be", {
        envoyText: `Error: non-terminal filter named ${filter.name} of type envoy.filters.network.${spec.kind} is the last filter in a network filter chain.`,
      });
    }
  }
  return hcm === null ? null : { networkFilters, hcm };
}

const trafficDirections: Record<number, ListenerSpec["trafficDirection"]> = {
  [TrafficDirection.INBOUND]: "INBOUND",
  [TrafficDirection.OUTBOUND]: "OUTBOUND",
};
const hcmName = "envoy.filters.network.http_connection_manager";
const honoured = [
  "name",
  "address",
  "additional_addresses",
  "stat_prefix",
  "filter_chains",
  "filter_chain_matcher",
  "default_filter_chain",
  "per_connection_buffer_limit_bytes",
  "traffic_direction",
  "drain_type",
  "tcp_backlog_size",
  "listener_filters",
  "listener_filters_timeout",
  "continue_on_listener_filters_timeout",
  "metadata",
  "tcp_keepalive",
  "socket_options",
  "bind_to_port",
  "access_log",
];
const harmless = [
  "enable_reuse_port",
  "reuse_port",
  "connection_balance_config",
  "max_connections_to_accept_per_socket_event",
  "bypass_overload_manager",
  "ignore_global_conn_limit",
  "tcp_fast_open_queue_length",
  "freebind",
];
