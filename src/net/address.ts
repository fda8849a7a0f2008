import { SocketAddress as NodeAddress } from "node:net";

/** Where a socket listens or connects: an IP address and port, or a Unix socket's path. */
export interface SocketAddress {
  /** "" for a Unix socket. IPv6 without brackets. */
  host: string;
  port: number;
  /** null unless a Unix socket. "@name" is an abstract one. */
  path: string | null;
}

/** "127.0.0.1:80", "[::1]:80" or the path: how Envoy prints an address. */
export function addressText(address: SocketAddress): string {
  if (address.path !== null) return address.path;
  return hostPort(address.host, address.port);
}

/** Joins an IP address and a port as Envoy prints them. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** One end of a connection as Envoy prints it: of a Unix socket the path, "" where it has none. */
export function endText(host: string, port: number): string {
  return port === 0 ? host : hostPort(host, port);
}

/** An IP address as Envoy prints it: "2001:DB8:0:0::1" is "2001:db8::1". */
export function canonicalIp(ip: string): string {
  return ip.includes(":") ? new NodeAddress({ address: ip, family: "ipv6" }).address : ip;
}
