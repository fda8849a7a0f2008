import { addressText, type SocketAddress } from "../net/address.ts";
import { unpackExtension } from "../proto/any.ts";
import type { Listener } from "../proto/generated/envoy/config/listener/v3/listener_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { FilterChainSpec } from "./spec.ts";

/** Listener filters: those that only look at the first bytes are built in, any other is refused. */
export function checkListenerFilters(message: Listener, problems: Problems): void {
  for (const [i, filter] of message.listenerFilters.entries()) {
    const scope = problems.at(`listener_filters[${i}]`);
    if (filter.configType.case !== "typedConfig") {
      scope.error("typed_config", "is missing");
      continue;
    }
    const unpacked = unpackExtension(filter.name, filter.configType.value, scope, "typed_config");
    if (unpacked === null || inspectors.has(unpacked.desc.typeName)) continue;
    scope.error("typed_config", `the listener filter ${unpacked.desc.typeName} is not implemented in Nuncio yet`);
  }
}

/** Two chains with one match: which of them serves would be chance. */
export function checkDuplicates(
  chains: readonly FilterChainSpec[],
  address: SocketAddress | null,
  problems: Problems,
): void {
  const seen = new Map<string, number>();
  for (const [i, chain] of chains.entries()) {
    const key = JSON.stringify(chain.match);
    const other = seen.get(key);
    if (other === undefined) {
      seen.set(key, i);
      continue;
    }
    problems.error(`filter_chains[${i}].filter_chain_match`, `is that of filter_chains[${other}]`, {
      envoyText: `error adding listener '${address === null ? "" : addressText(address)}': filter chain '${chain.name}' has the same matching rules defined as '${chains[other]?.name ?? ""}'`,
    });
  }
}

const inspectors = new Set([
  "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
  "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector",
]);
