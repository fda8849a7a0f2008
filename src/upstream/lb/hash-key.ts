import { addressText, type SocketAddress } from "../../net/address.ts";
import type { MetadataSpec } from "../../router/spec.ts";
import { wire } from "../../router/text.ts";

/** What of a host says by what it is hashed: HostSpec and Host have it. */
export interface Hashable {
  readonly address: SocketAddress;
  readonly hostname: string;
  readonly metadata: MetadataSpec | null;
}

/** The bytes by which a consistent hash knows a host. Envoy: HashingLoadBalancer::hashKey. */
export function hashKeyOf(host: Hashable, usesHostname: boolean): string {
  const own = host.metadata?.["envoy.lb"]?.hash_key;
  if (typeof own === "string" && own !== "") return wire(own);
  return wire(usesHostname ? host.hostname : addressText(host.address));
}
