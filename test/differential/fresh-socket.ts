import { connect, type NetConnectOpts, type Socket } from "node:net";

/**
 * A connection to a port of loopback from a port of our own that no connection to it had before: access log lines are found by it, and
 * the system gives a port that was closed to the next who asks.
 */
export async function freshSocket(port: number, options: Partial<NetConnectOpts> = {}): Promise<Socket> {
  const used = usedPorts.get(port) ?? new Set<number>();
  usedPorts.set(port, used);
  for (;;) {
    const socket = connect({ ...options, port, host: "127.0.0.1", noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const own = socket.localPort ?? 0;
    if (!used.has(own)) {
      used.add(own);
      return socket;
    }
    socket.destroy();
  }
}

/** By the port connected to. */
const usedPorts = new Map<number, Set<number>>();
