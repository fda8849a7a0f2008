import { isIP } from "node:net";
import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import { canonicalIp } from "../net/address.ts";
import type { CidrSet } from "../net/cidr.ts";

/** The address `skip` entries from the right of an x-forwarded-for list; "" when there is none or it is no IP. */
export function lastAddress(list: string, skip: number): string {
  const parts = list.split(",");
  const at = parts.length - 1 - skip;
  if (at < 0) return "";
  const address = (parts[at] as string).trim();
  return isIP(address) !== 0 ? canonicalIp(address) : "";
}

/** The last address that is not trusted, or the first of all; "" where one on the way is no IP. Envoy: Utility::getLastNonTrustedAddressFromXFF. */
export function lastNotTrusted(list: string, trusted: CidrSet): string {
  const parts = list.split(",");
  let last = "";
  for (let i = parts.length - 1; i >= 0; i--) {
    const address = (parts[i] as string).trim();
    if (isIP(address) === 0) return "";
    last = canonicalIp(address);
    if (!trusted.has(last)) return last;
  }
  return last;
}

/** Adds an address to the list. */
export function appendXff(head: RequestHead, address: string): void {
  const present = head.get(xForwardedFor);
  const list = present === null || present === "" ? address : `${present},${address}`;
  head.set("x-forwarded-for", list, xForwardedFor);
}

const xForwardedFor = Known["x-forwarded-for"];
