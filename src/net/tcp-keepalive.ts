import type { TcpKeepalive } from "../proto/generated/envoy/config/core/v3/address_pb.ts";

/** When the system asks whether an idle peer is still there. */
export interface TcpKeepaliveSpec {
  /** Idle seconds before the first probe, and seconds between probes. */
  timeS: number;
  intervalS: number;
  probes: number;
}

/** TcpKeepalive to its Spec, with Linux's values for what it leaves to the system; null without one. */
export function parseTcpKeepalive(message: TcpKeepalive | undefined): TcpKeepaliveSpec | null {
  if (message === undefined) return null;
  return {
    timeS: message.keepaliveTime ?? systemKeepalive.timeS,
    intervalS: message.keepaliveInterval ?? systemKeepalive.intervalS,
    probes: message.keepaliveProbes ?? systemKeepalive.probes,
  };
}

/** tcp(7). */
export const systemKeepalive: TcpKeepaliveSpec = { timeS: 7200, intervalS: 75, probes: 9 };
