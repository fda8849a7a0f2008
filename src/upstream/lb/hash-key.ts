import { addressText, type SocketAddress } from "../../net/address.ts";
import { wire } from "../../router/text.ts";

/** What of a host says by what it is hashed: HostSpec and Host have it. */
export interface Hashable {
  readonly address: SocketAddress;
  readonly hostname: string;
  readonly lbMetadata: Record<string, unknown> | null;
}

/** The bytes by which a consistent hash knows a host. Envoy: HashingLoadBalancer::hashKey. */
export function hashKeyOf(host: Hashable, usesHostname: boolean): string {
  const own = host.lbMetadata?.hash_key;
  if (typeof own === "string" && own !== "") return wire(own);
  return wire(usesHostname ? host.hostname : addressText(host.address));
}
