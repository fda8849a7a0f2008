import { BlockList, isIP, isIPv6 } from "node:net";

/** A set of IP ranges. */
export class CidrSet {
  readonly #list = new BlockList();

  constructor(ranges: { address: string; prefixLength: number }[]) {
    for (const { address, prefixLength } of ranges) {
      this.#list.addSubnet(address, prefixLength, isIPv6(address) ? "ipv6" : "ipv4");
    }
  }

  has(address: string): boolean {
    const kind = isIP(address);
    return kind !== 0 && this.#list.check(address, kind === 6 ? "ipv6" : "ipv4");
  }
}

/** One range of IP addresses. */
export class CidrRange {
  readonly prefixLength: number;
  readonly #set: CidrSet;

  constructor(range: { address: string; prefixLength: number }) {
    this.prefixLength = range.prefixLength;
    this.#set = new CidrSet([range]);
  }

  has(address: string): boolean {
    return this.#set.has(address);
  }
}

export function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}
