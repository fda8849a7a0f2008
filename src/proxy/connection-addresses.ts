import { canonicalIp, endText, hostPort } from "../net/address.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import { plainIp, type Transport } from "../net/transport.ts";
import type { ListenAddress } from "./spec.ts";

/** The addresses of a connection: "" where an end is a Unix socket, whose path the texts are. Behind a PROXY header they are those that it names; the direct ones are the socket's. */
export interface ConnectionAddresses {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** "ip:port" */
  readonly remoteText: string;
  readonly localPort: number;
  readonly localText: string;
  readonly directRemoteText: string;
  readonly directLocalText: string;
  /** For an upstream PROXY header. */
  readonly source: ProxiedAddresses;
}

/** The connection whose own end is `local` (directLocalText) came by one of these. */
export function isTakenBy(addresses: readonly ListenAddress[], local: string): boolean {
  return addresses.some(({ address: { host, port, path } }) => {
    if (path !== null) return path === local;
    const isWildcard = host === "0.0.0.0" || canonicalIp(host) === "::";
    return isWildcard ? local.endsWith(`:${port}`) : local === hostPort(canonicalIp(host), port);
  });
}

/** The ends of a transport. */
type Ends = Pick<Transport, "remoteAddress" | "remotePort" | "localAddress" | "localPort">;

/** Those of a socket that became no transport. */
export function addressesOfSocket(socket: Partial<Ends>, proxied: ProxiedAddresses | null): ConnectionAddresses {
  const { remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 } = socket;
  return addressesOf(
    { remoteAddress: plainIp(remoteAddress), remotePort, localAddress: plainIp(localAddress), localPort },
    proxied,
  );
}

/** An end's address where it is an IP: no socket of TCP has port 0. */
export function ipOf(address: string, port: number): string {
  return port === 0 ? "" : plainIp(address);
}

/** `proxied`: null without a PROXY header that names some. */
export function addressesOf(transport: Ends, proxied: ProxiedAddresses | null): ConnectionAddresses {
  const { remotePort, localPort } = transport;
  const remoteAddress = ipOf(transport.remoteAddress, remotePort);
  const localAddress = ipOf(transport.localAddress, localPort);
  const remoteText = endText(transport.remoteAddress, remotePort);
  const localText = endText(transport.localAddress, localPort);
  const direct = {
    remoteAddress,
    remotePort,
    remoteText,
    localPort,
    localText,
    directRemoteText: remoteText,
    directLocalText: localText,
    source: { remoteAddress, remotePort, localAddress, localPort, tlvs: [] },
  };
  if (proxied === null) return direct;
  return {
    ...direct,
    remoteAddress: proxied.remoteAddress,
    remotePort: proxied.remotePort,
    remoteText: hostPort(proxied.remoteAddress, proxied.remotePort),
    localPort: proxied.localPort,
    localText: hostPort(proxied.localAddress, proxied.localPort),
    source: proxied,
  };
}
