import net from "node:net";
import type { SocketAddress } from "./address.ts";

/**
 * Opens a listening socket whose connections come paused, to be taken over by acceptTransport. With `reusePort` every
 * worker opens its own on the same address and the kernel shares the connections out.
 */
export function listen(
  address: SocketAddress,
  options: { backlog: number; reusePort: boolean; ipv6Only: boolean },
  onConnection: (socket: net.Socket) => void,
): Promise<net.Server> {
  const server = net.createServer({ noDelay: true, pauseOnConnect: true, allowHalfOpen: true }, onConnection);
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
        resolve(server);
      },
    );
  });
}
