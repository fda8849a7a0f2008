import { isIP } from "node:net";
import type { CidrRange as CoreRange } from "../proto/generated/envoy/config/core/v3/address_pb.ts";
import type { CidrRange } from "../proto/generated/xds/core/v3/cidr_pb.ts";
import type { Problems } from "../proto/problems.ts";

/** A range of IP addresses. */
export interface RangeSpec {
  address: string;
  prefixLength: number;
}

/** xds.core.v3.CidrRange; null after telling that it is none. */
export function parseRange({ addressPrefix: address, prefixLen = 0 }: CidrRange, problems: Problems): RangeSpec | null {
  if (prefixLen <= longest(address)) return { address, prefixLength: prefixLen };
  problems.error("", `"${address}/${prefixLen}" is no range of IP addresses`, {
    envoyText: `invalid ip/mask combo '${address}/${prefixLen}' (format is <ip>/<# mask bits>)`,
  });
  return null;
}

/** config.core.v3.CidrRange, or one of xds, whose length may be too great; null after telling that it is none. Envoy: Address::CidrRange. */
export function parseCoreRange(
  { addressPrefix: address, prefixLen = 0 }: Pick<CoreRange, "addressPrefix" | "prefixLen">,
  problems: Problems,
): RangeSpec | null {
  const most = longest(address);
  if (most >= 0) return { address, prefixLength: Math.min(prefixLen, most) };
  problems.error("", `"${address}" is no IP address`, {
    envoyText: `Failed to create CIDR range: malformed IP address: ${address}`,
  });
  return null;
}

function longest(address: string): number {
  return { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
}
