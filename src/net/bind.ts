import { existsSync, lstatSync, rmSync } from "node:fs";
import net from "node:net";
import { dirname } from "node:path";
import type { SocketAddress } from "./address.ts";
import { nativeBinding, type SocketName, systemError } from "./native-streams.ts";

/** A socket that is bound and does not listen: the system gives its port to nobody who asks for any, and no connection to it. */
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
  const { host, port, path } = address;
  if (path !== null) removeLeftSocket(path);
  const options =
    path !== null
      ? { path: nodePath(path) }
      : { host, port, reusePort: true, ipv6Only: ipv6Only && host.includes(":") };
  try {
    const socket = new Bound(options);
    if (path === null) return { port: socket.address().port, close: () => socket.close() };
    socket.close();
    return { port: 0, close() {} };
  } catch (error) {
    // libuv says EACCES of a folder that is not there, as Windows does.
    if (path !== null && !existsSync(dirname(path))) return "ENOENT";
    return (error as NodeJS.ErrnoException).code ?? "EINVAL";
  }
}

/** Node binds an abstract socket for a path that starts with NUL, Envoy for one that starts with "@". */
export function nodePath(path: string): string {
  return path.startsWith("@") ? `\0${path.slice(1)}` : path;
}

/** Of a process that ended without removing it. */
export function removeLeftSocket(path: string): void {
  if (!path.startsWith("@") && lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path, { force: true });
}

/** What is used of Node's net.BoundSocket. */
interface NodeSocket {
  address(): { port: number };
  close(): void;
}

interface BindOptions {
  host?: string;
  port?: number;
  reusePort?: boolean;
  ipv6Only?: boolean;
  path?: string;
}

/** The same for Node before 26.4. */
class OlderBoundSocket implements NodeSocket {
  readonly #handle: Handle;
  readonly #name: SocketName = {};

  constructor({ host = "", port = 0, ipv6Only = false, path }: BindOptions) {
    let error: number;
    if (path !== undefined) {
      const { Pipe, constants } = nativeBinding("pipe_wrap") as PipeBinding;
      const handle = new Pipe(constants.SOCKET);
      this.#handle = handle;
      error = handle.bind(path);
    } else {
      const { TCP, constants } = nativeBinding("tcp_wrap") as TcpBinding;
      const handle = new TCP(constants.SOCKET);
      this.#handle = handle;
      const flags = constants.UV_TCP_REUSEPORT | (ipv6Only ? constants.UV_TCP_IPV6ONLY : 0);
      error = host.includes(":") ? handle.bind6(host, port, flags) : handle.bind(host, port, flags);
      // libuv tells of an address in use only when it is asked for more.
      if (error === 0) error = handle.getsockname(this.#name);
    }
    if (error === 0) return;
    this.#handle.close();
    throw systemError("bind", error);
  }

  address(): { port: number } {
    return { port: this.#name.port ?? 0 };
  }

  close(): void {
    this.#handle.close();
  }
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
  constants: { SOCKET: number; UV_TCP_IPV6ONLY: number; UV_TCP_REUSEPORT: number };
}
interface PipeBinding {
  Pipe: new (type: number) => Handle & { bind(path: string): number };
  constants: { SOCKET: number };
}

const { BoundSocket: Bound = OlderBoundSocket } = net as { BoundSocket?: new (options: BindOptions) => NodeSocket };
