import { addressText, type SocketAddress } from "../net/address.ts";
import type { Problems } from "../proto/problems.ts";
import { addressesText, type FilterChainSpec, type ListenerSpec } from "./spec.ts";

/** A matcher knows chains by their names. */
export function checkNames(names: readonly string[], address: SocketAddress | null, problems: Problems): void {
  const envoyPrefix = `error adding listener '${address === null ? "" : addressText(address)}': "name" field is`;
  const seen = new Set<string>();
  for (const [i, name] of names.entries()) {
    if (name === "") {
      problems.error(`filter_chains[${i}].name`, "is missing: filter_chain_matcher chooses chains by their names", {
        envoyText: `${envoyPrefix} required when using a listener matcher`,
      });
    } else if (seen.has(name)) {
      problems.error(`filter_chains[${i}].name`, `"${name}" is the name of another chain`, {
        envoyText: `${envoyPrefix} duplicated with value '${name}'`,
      });
    }
    seen.add(name);
  }
}

/** No other listener may have one of its addresses. Any port the system chooses is another one. */
export function checkOwnAddresses(spec: ListenerSpec, others: Iterable<ListenerSpec>, problems: Problems): void {
  const wanted = new Map<string, number>();
  for (const [i, { address }] of spec.addresses.entries()) {
    if (address.path !== null || address.port !== 0 || !spec.bindsToPort) wanted.set(addressText(address), i);
  }
  for (const other of others) {
    const text = other.addresses.map(({ address }) => addressText(address)).find((text) => wanted.has(text));
    if (text === undefined) continue;
    const i = wanted.get(text) ?? 0;
    const path = i === 0 ? "address" : `additional_addresses[${i - 1}].address`;
    problems.error(path, `${text} is an address of listener "${other.name}" already`, {
      envoyText: `error adding listener: '${spec.name}' has duplicate address '${addressesText(spec.addresses)}' as existing listener, to check if the listener has duplicated addresses with other listeners or 'enable_reuse_port' is set to 'false' for the listener`,
    });
    return;
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
