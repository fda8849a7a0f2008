import { hostPort } from "../net/address.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import { plainIp, type Transport } from "../net/transport.ts";

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

/** The ends of a transport. */
type Ends = Pick<Transport, "remoteAddress" | "remotePort" | "localAddress" | "localPort" | "localText">;

/** Those of a socket that became no transport. */
export function addressesOfSocket(
  socket: Partial<Omit<Ends, "localText">>,
  proxied: ProxiedAddresses | null,
): ConnectionAddresses {
  const { remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 } = socket;
  const local = plainIp(localAddress);
  const localText = hostPort(local, localPort);
  return addressesOf(
    { remoteAddress: plainIp(remoteAddress), remotePort, localAddress: local, localPort, localText },
    proxied,
  );
}

/** `proxied`: null without a PROXY header that names some. */
export function addressesOf(transport: Ends, proxied: ProxiedAddresses | null): ConnectionAddresses {
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
