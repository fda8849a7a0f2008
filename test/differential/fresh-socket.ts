import { connect, type NetConnectOpts, type Socket } from "node:net";

/**
 * A connection to a port of loopback from a port of our own that no connection to it had before: access log lines are found by it, and
 * the system gives a port that was closed to the next who asks. The port is chosen before connecting: the proxies count connections.
 */
export async function freshSocket(port: number, options: Partial<NetConnectOpts> = {}): Promise<Socket> {
  for (;;) {
    const localPort = nextPort;
    nextPort = nextPort === lastPort ? firstPort : nextPort + 1;
    const socket = connect({
      ...options,
      port,
      host: "127.0.0.1",
      localAddress: "127.0.0.1",
      localPort,
      noDelay: true,
    });
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      socket.once("connect", () => resolve(null));
      socket.once("error", resolve);
    });
    if (error === null) return socket;
    if (error.code !== "EADDRINUSE" && error.code !== "EADDRNOTAVAIL") throw error;
  }
}

/** Below the ports that Linux gives out by itself. */
const firstPort = 12_000;
const lastPort = 32_000;
let nextPort = firstPort + ((process.pid * 97) % (lastPort - firstPort));
