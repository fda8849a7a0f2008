import { isIP } from "node:net";
import { hostOf } from "../http/authority.ts";
import type { RequestHead } from "../http/header-block.ts";
import { hostPort } from "../net/address.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { AutoSniSpec } from "./spec.ts";

/** Which requests the connections of a pool are for. */
export interface PoolTarget {
  /** SNI; "" leaves it to the context. */
  serverName: string;
  /** What the certificate must be for; "" for what the context says. */
  san: string;
  /** Whom a PROXY header names; null for nobody. */
  source: ProxiedAddresses | null;
}

/** Where it does not matter. */
export const anyTarget: PoolTarget = { serverName: "", san: "", source: null };

/** Of one request: by its name where there is auto_sni, by its downstream connection where one is given. */
export function targetOf(
  head: RequestHead | null,
  autoSni: AutoSniSpec | null,
  source: ProxiedAddresses | null,
): PoolTarget {
  if (autoSni === null || head === null) return source === null ? anyTarget : { serverName: "", san: "", source };
  const { setsServerName, checksSan, header } = autoSni;
  const authority = (header === "" ? null : head.find(header)) ?? head.authority;
  const host = hostOf(authority).replace(/^\[|\]$/g, "");
  // Envoy: an IP address is no server name, but a certificate may be for it.
  return { serverName: setsServerName && isIP(host) === 0 ? host : "", san: checksSan ? host : "", source };
}

/** Requests of the same key share connections. Envoy's is of the addresses too, not of the TLVs. */
export function targetKey({ serverName, san, source }: PoolTarget): string {
  if (source === null) return `${serverName} ${san}`;
  const { remoteAddress, remotePort, localAddress, localPort } = source;
  return `${serverName} ${san} ${hostPort(remoteAddress, remotePort)} ${hostPort(localAddress, localPort)}`;
}
