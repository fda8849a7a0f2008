import { hostPort } from "../net/address.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { Transport } from "../net/transport.ts";

/** The addresses of a connection. Behind a PROXY header they are those that it names; the direct ones are the socket's. */
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

/** `proxied`: null without a PROXY header that names some. */
export function addressesOf(transport: Transport, proxied: ProxiedAddresses | null): ConnectionAddresses {
  const { remoteAddress, remotePort, localPort, localText } = transport;
  const direct = {
    remoteAddress,
    remotePort,
    remoteText: hostPort(remoteAddress, remotePort),
    localPort,
    localText,
    directRemoteText: hostPort(remoteAddress, remotePort),
    directLocalText: localText,
    source: { remoteAddress, remotePort, localAddress: transport.localAddress, localPort, tlvs: [] },
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
