import { existsSync, lstatSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { getSystemErrorName } from "node:util";
import type { SocketAddress } from "./address.ts";
import { nativeBinding, type SocketName } from "./native-streams.ts";

/** A socket that is bound and does not listen: it keeps its port from others, and gets no connections. */
export interface BoundSocket {
  /** The port that the system chose where 0 was asked for. */
  readonly port: number;
  close(): void;
}

/**
 * Binds an address beside the sockets of workers, at once. The code of the error ("EADDRINUSE") where the system refuses. A Unix socket is only
 * tried: who closes it removes its file.
 */
export function bindSocket(address: SocketAddress, ipv6Only: boolean): BoundSocket | string {
  if (address.path !== null) return tryPath(address.path);
  const { TCP, constants } = nativeBinding("tcp_wrap") as TcpBinding;
  const handle = new TCP(constants.SERVER);
  const only = address.host.includes(":") && ipv6Only ? constants.UV_TCP_IPV6ONLY : 0;
  const flags = constants.UV_TCP_REUSEPORT | only;
  const name: SocketName = {};
  const bound = address.host.includes(":")
    ? handle.bind6(address.host, address.port, flags)
    : handle.bind(address.host, address.port, flags);
  // libuv tells of an address in use only when it is asked for more.
  const error = bound === 0 ? handle.getsockname(name) : bound;
  if (error === 0) return { port: name.port ?? 0, close: () => handle.close() };
  handle.close();
  return getSystemErrorName(error);
}

function tryPath(path: string): BoundSocket | string {
  removeLeftSocket(path);
  const { Pipe, constants } = nativeBinding("pipe_wrap") as PipeBinding;
  const handle = new Pipe(constants.SERVER);
  const error = handle.bind(nodePath(path));
  handle.close();
  if (error === 0) return { port: 0, close() {} };
  // libuv says EACCES of both, as Windows does.
  return existsSync(dirname(path)) ? getSystemErrorName(error) : "ENOENT";
}

/** Node binds an abstract socket for a path that starts with NUL, Envoy for one that starts with "@". */
export function nodePath(path: string): string {
  return path.startsWith("@") ? `\0${path.slice(1)}` : path;
}

/** Of a process that ended without removing it. */
export function removeLeftSocket(path: string): void {
  if (!path.startsWith("@") && lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path, { force: true });
}

interface Handle {
  close(): void;
}
interface TcpHandle extends Handle {
  bind(host: string, port: number, flags: number): number;
  bind6(host: string, port: number, flags: number): number;
  getsockname(into: SocketName): number;
}
interface TcpBinding {
  TCP: new (type: number) => TcpHandle;
  constants: { SERVER: number; UV_TCP_IPV6ONLY: number; UV_TCP_REUSEPORT: number };
}
interface PipeBinding {
  Pipe: new (type: number) => Handle & { bind(path: string): number };
  constants: { SERVER: number };
}
