import net from "node:net";
import type { SocketAddress } from "./address.ts";
import type { SocketHandle } from "./native-streams.ts";
import type { TcpKeepaliveSpec } from "./tcp-keepalive.ts";

/**
 * Opens a listening socket whose connections are handles that nothing reads yet, to be taken over by acceptTransport. With `reusePort` every
 * worker opens its own on the same address and the kernel shares the connections out.
 */
export function listen(
  address: SocketAddress,
  options: { backlog: number; reusePort: boolean; ipv6Only: boolean; keepalive: () => TcpKeepaliveSpec | null },
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
      address.path !== null
        ? { path: address.path.startsWith("@") ? `\0${address.path.slice(1)}` : address.path, backlog: options.backlog }
        : {
            host: address.host,
            port: address.port,
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
  listening.onconnection = (status, client) => {
    if (status !== 0 || client === undefined) return;
    client.setNoDelay?.(true);
    keepAlive(client, keepalive());
    onConnection(client);
  };
}

/** Node before 26 leaves interval and probes to libuv. A pipe has none of it. */
function keepAlive(handle: SocketHandle, spec: TcpKeepaliveSpec | null): void {
  if (spec !== null) (handle as SocketHandle & TcpHandle).setKeepAlive?.(true, spec.timeS, spec.intervalS, spec.probes);
}

/** Takes a connection out of its socket, which is left without one. */
function takeHandle(socket: net.Socket): SocketHandle {
  const holder = socket as unknown as { _handle: SocketHandle | null };
  const handle = holder._handle as SocketHandle;
  holder._handle = null;
  return handle;
}

interface TcpHandle {
  setNoDelay?: (isOn: boolean) => void;
  /** Seconds. */
  setKeepAlive?: (isOn: boolean, initialDelay: number, interval: number, count: number) => void;
}

/** What Node keeps inside a net.Server. `status`: 0 or a negative errno. */
interface ListeningHandle {
  onconnection?: (status: number, client?: SocketHandle & TcpHandle) => void;
}
