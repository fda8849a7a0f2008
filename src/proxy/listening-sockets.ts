import type { Server } from "node:net";
import { addressText } from "../net/address.ts";
import { listen } from "../net/listen.ts";
import type { SocketHandle } from "../net/native-streams.ts";
import type { ListenAddress } from "./spec.ts";

/** Who takes the connections of a socket. */
export interface Acceptor {
  accept(handle: SocketHandle): void;
}

/** What a socket cannot be opened for: an Error of the system, and where. */
export interface ListenFault {
  at: ListenAddress;
  error: NodeJS.ErrnoException;
}

/** The listening sockets of a worker, by address. One outlives its listener's config, and goes on under another listener that has its address. */
export class ListeningSockets {
  readonly #takesPaths: boolean;
  readonly #open = new Map<string, ListeningSocket>();

  /** `takesPaths`: Unix sockets are this worker's. No two sockets listen on one path. */
  constructor(takesPaths: boolean) {
    this.#takesPaths = takesPaths;
  }

  /** Has `owner` take the connections of these addresses. Settles when all listen, or are known not to: with one's fault. */
  async give(addresses: readonly ListenAddress[], backlog: number, owner: Acceptor): Promise<ListenFault | null> {
    const opened = addresses
      .filter(({ address }) => address.path === null || this.#takesPaths)
      .map((at) => this.#give(at, backlog, owner));
    return (await Promise.all(opened)).find((fault) => fault !== null) ?? null;
  }

  /** Closes the owner's but those of `kept`, after it took what waits in their queues. */
  close(owner: Acceptor, kept: readonly ListenAddress[] = []): void {
    const keys = new Set(kept.map(keyOf));
    for (const [key, socket] of this.#open) {
      if (socket.owner !== owner || keys.has(key)) continue;
      socket.isUnwanted = true;
      // A plain close would reset what waits in the queue.
      void socket.opened.then(() => setImmediate(() => setImmediate(() => this.#closeUnwanted(key, socket))));
    }
  }

  /** Unless somebody took it meanwhile. */
  #closeUnwanted(key: string, socket: ListeningSocket): void {
    if (!socket.isUnwanted || this.#open.get(key) !== socket) return;
    this.#open.delete(key);
    socket.close();
  }

  async #give(at: ListenAddress, backlog: number, owner: Acceptor): Promise<ListenFault | null> {
    const key = keyOf(at);
    let socket = this.#open.get(key);
    if (socket === undefined) this.#open.set(key, (socket = new ListeningSocket(at, backlog, owner)));
    socket.at = at;
    socket.owner = owner;
    socket.isUnwanted = false;
    const error = await socket.opened;
    if (error === null) return null;
    if (this.#open.get(key) === socket) this.#open.delete(key);
    return { at, error };
  }
}

class ListeningSocket {
  /** Its options are those of now. */
  at: ListenAddress;
  owner: Acceptor;
  isUnwanted = false;
  /** null: it listens. */
  readonly opened: Promise<NodeJS.ErrnoException | null>;
  #server: Server | null = null;

  constructor(at: ListenAddress, backlog: number, owner: Acceptor) {
    this.at = at;
    this.owner = owner;
    const { address, ipv6Only, mode } = at;
    const keepalive = () => this.at.tcpKeepalive;
    this.opened = listen(
      address,
      { backlog, reusePort: address.path === null, ipv6Only, keepalive, mode },
      (handle: SocketHandle) => this.owner.accept(handle),
    ).then(
      (server) => {
        this.#server = server;
        return null;
      },
      (error: NodeJS.ErrnoException) => error,
    );
  }

  close(): void {
    this.#server?.close();
  }
}

function keyOf({ address, ipv6Only }: ListenAddress): string {
  return `${addressText(address)}${ipv6Only ? "" : " and IPv4"}`;
}
