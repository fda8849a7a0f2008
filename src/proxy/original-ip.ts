import { isIP } from "node:net";
import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import { canonicalIp } from "../net/address.ts";
import { CidrSet } from "../net/cidr.ts";
import { appendXff, lastAddress, lastNotTrusted } from "./forwarded-for.ts";

/** One of original_ip_detection_extensions. */
export type OriginalIpSpec =
  | {
      kind: "xff";
      trustedHops: number;
      /** Peers whose x-forwarded-for counts, and entries of it that are passed over; empty: the hops count. */
      trustedCidrs: { address: string; prefixLength: number }[];
      skipsAppend: boolean;
    }
  | {
      kind: "header";
      /** Lower-case. */
      name: string;
      /** The address may make the request internal. */
      isTrusted: boolean;
      /** What a request without an address gets; 0: it goes on. */
      rejectStatus: number;
    };

/** What is found out of a client's address. Envoy: OriginalIPDetectionResult. */
interface OriginalIp {
  /** "" where there is none. */
  address: string;
  isTrusted: boolean;
  rejectStatus: number;
  skipsAppend: boolean;
}

/** Asks one extension after the other who the client is. */
export class OriginalIpDetection {
  readonly #detectors: readonly { spec: OriginalIpSpec; trusted: CidrSet | null }[];

  constructor(specs: readonly OriginalIpSpec[]) {
    this.#detectors = specs.map((spec) => ({
      spec,
      trusted: spec.kind === "xff" && spec.trustedCidrs.length > 0 ? new CidrSet(spec.trustedCidrs) : null,
    }));
  }

  /**
   * What the first says that finds an address or refuses the request. `peer`: the address of the connection; `hop`: what x-forwarded-for
   * is told of it, before the next one is asked.
   */
  detect(head: RequestHead, peer: string, hop: string): OriginalIp {
    for (const { spec, trusted } of this.#detectors) {
      const found = spec.kind === "header" ? byHeader(spec, head) : byXff(spec, trusted, head, peer);
      if (found.rejectStatus !== 0) return found;
      if (!found.skipsAppend && hop !== "") appendXff(head, hop);
      if (found.address !== "") return found;
    }
    return nothing;
  }
}

function byHeader(spec: OriginalIpSpec & { kind: "header" }, head: RequestHead): OriginalIp {
  const value = head.find(spec.name);
  if (value === null || isIP(value) === 0) return { ...nothing, rejectStatus: spec.rejectStatus };
  return { address: canonicalIp(value), isTrusted: spec.isTrusted, rejectStatus: 0, skipsAppend: true };
}

function byXff(
  spec: OriginalIpSpec & { kind: "xff" },
  trusted: CidrSet | null,
  head: RequestHead,
  peer: string,
): OriginalIp {
  if (trusted !== null && !trusted.has(peer)) return { ...nothing, skipsAppend: false };
  const list = head.get(Known["x-forwarded-for"]);
  const { skipsAppend } = spec;
  if (list === null) return { ...nothing, skipsAppend };
  const address = trusted === null ? lastAddress(list, spec.trustedHops) : lastNotTrusted(list, trusted);
  return { address, isTrusted: address !== "" && !list.includes(","), rejectStatus: 0, skipsAppend };
}

const nothing: OriginalIp = { address: "", isTrusted: false, rejectStatus: 0, skipsAppend: true };
