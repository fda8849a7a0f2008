import { chmodSync } from "node:fs";
import net from "node:net";
import type { SocketAddress } from "./address.ts";
import { nodePath, removeLeftSocket } from "./bind.ts";
import { type SocketHandle, type SocketName, takeHandle } from "./native-streams.ts";
import type { TcpKeepaliveSpec } from "./tcp-keepalive.ts";

/**
 * Opens a listening socket whose connections are handles that nothing reads yet, to be taken over by acceptTransport. With `reusePort` every
 * worker opens its own on the same address and the kernel shares the connections out.
 */
export function listen(
  address: SocketAddress,
  options: ListenOptions,
  onConnection: (handle: SocketHandle) => void,
): Promise<net.Server> {
  const { path } = address;
  return path === null ? open(address, options, onConnection) : openPath(path, options, onConnection);
}

export interface ListenOptions {
  backlog: number;
  reusePort: boolean;
  ipv6Only: boolean;
  keepalive: () => TcpKeepaliveSpec | null;
  /** Of a Unix socket's file; 0 leaves what the umask makes. */
  mode: number;
}

/** One whose process is gone stands in nobody's way. Both ends of its connections are called by its path, as Envoy has it. */
async function openPath(
  path: string,
  options: ListenOptions,
  onConnection: (handle: SocketHandle) => void,
): Promise<net.Server> {
  removeLeftSocket(path);
  const nameIt = (into: SocketName) => {
    into.address = path;
    into.port = 0;
    return 0;
  };
  const server = await open({ host: "", port: 0, path: nodePath(path) }, options, (handle) => {
    handle.getsockname = handle.getpeername = nameIt;
    onConnection(handle);
  });
  if (options.mode !== 0) chmodSync(path, options.mode);
  return server;
}

function open(
  { host, port, path }: SocketAddress,
  options: ListenOptions,
  onConnection: (handle: SocketHandle) => void,
): Promise<net.Server> {
  const server = net.createServer({ noDelay: true, pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    const handle = takeHandle(socket);
    keepAlive(handle, options.keepalive());
    onConnection(handle);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(
      path !== null
        ? { path, backlog: options.backlog }
        : {
            host,
            port,
            backlog: options.backlog,
            reusePort: options.reusePort,
            ipv6Only: options.ipv6Only,
          },
      () => {
        server.off("error", reject);
        acceptHandles(server, options.keepalive, onConnection);
        resolve(server);
      },
    );
  });
}

/** Saves the net.Socket that Node makes for each connection and that acceptTransport would make again. */
function acceptHandles(
  server: net.Server,
  keepalive: () => TcpKeepaliveSpec | null,
  onConnection: (handle: SocketHandle) => void,
): void {
  const listening = (server as unknown as { _handle: ListeningHandle | null })._handle;
  if (typeof listening?.onconnection !== "function") return;
  // Its connections have it from it.
  listening.setNoDelay?.(true);
  listening.onconnection = (status, client) => {
    if (status !== 0 || client === undefined) return;
    keepAlive(client, keepalive());
    onConnection(client);
  };
}

/** Node before 26 leaves interval and probes to libuv. A pipe has none of it. */
function keepAlive(handle: SocketHandle, spec: TcpKeepaliveSpec | null): void {
  if (spec !== null) (handle as SocketHandle & TcpHandle).setKeepAlive?.(true, spec.timeS, spec.intervalS, spec.probes);
}

interface TcpHandle {
  /** Seconds. */
  setKeepAlive?: (isOn: boolean, initialDelay: number, interval: number, count: number) => void;
}

/** What Node keeps inside a net.Server. `status`: 0 or a negative errno. */
interface ListeningHandle {
  setNoDelay?: (isOn: boolean) => void;
  onconnection?: (status: number, client?: SocketHandle & TcpHandle) => void;
}
