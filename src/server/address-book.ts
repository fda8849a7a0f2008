import { addressText, type SocketAddress } from "../net/address.ts";
import { type BoundSocket, bindSocket } from "../net/bind.ts";
import type { NamedListener } from "./messages.ts";

/** An address that the system does not give. */
export interface BindFault {
  /** Its place in the listener's addresses. */
  index: number;
  address: SocketAddress;
  /** "EADDRINUSE" */
  code: string;
}

interface Entry {
  address: SocketAddress;
  /** null: nothing connects to it. */
  socket: BoundSocket | null;
}

/**
 * The addresses of all listeners, bound on the main thread as long as a listener has them, so that it is known before a worker opens them
 * whether they can be had, and that a port that the system chose is one for all workers and all their lives.
 */
export class AddressBook {
  /** By listener, and in it by the address asked for. */
  readonly #entries = new Map<string, Map<string, Entry>>();

  /** Binds what is not bound yet; null where all is. After a fault all is as before. */
  reserve(listener: NamedListener): BindFault | null {
    const known = this.#entries.get(listener.name) ?? new Map<string, Entry>();
    const added = new Map<string, Entry>();
    for (const [index, { key, address, ipv6Only }] of keyed(listener).entries()) {
      if (known.has(key)) continue;
      // What is open at the path would be removed.
      const binds = listener.bindsToPort !== false && !(address.path !== null && this.#isHeld(key));
      const socket = binds ? bindSocket(address, ipv6Only) : null;
      if (typeof socket === "string") {
        for (const entry of added.values()) entry.socket?.close();
        return { index, address, code: socket };
      }
      added.set(key, { address: address.port === 0 && socket ? { ...address, port: socket.port } : address, socket });
    }
    this.#entries.set(listener.name, new Map([...known, ...added]));
    return null;
  }

  /** It serves as it is now: what it had besides is free. */
  settle(listener: NamedListener): void {
    const wanted = new Set(keyed(listener).map(({ key }) => key));
    const entries = this.#entries.get(listener.name) ?? new Map<string, Entry>();
    for (const [key, { socket }] of entries) {
      if (wanted.has(key)) continue;
      entries.delete(key);
      socket?.close();
    }
  }

  remove(name: string): void {
    for (const { socket } of this.#entries.get(name)?.values() ?? []) socket?.close();
    this.#entries.delete(name);
  }

  /** The listener with the ports that the system chose. */
  resolve<L extends NamedListener>(listener: L): L {
    const entries = this.#entries.get(listener.name);
    if (entries === undefined) return listener;
    const addresses = keyed(listener).map(({ key, address }, i) => ({
      ...listener.addresses[i],
      address: entries.get(key)?.address ?? address,
    }));
    return { ...listener, addresses };
  }

  #isHeld(key: string): boolean {
    return [...this.#entries.values()].some((entries) => entries.has(key));
  }
}

/** Equal addresses, such as several with port 0, are told apart by their order. */
function keyed({
  addresses,
  bindsToPort,
}: NamedListener): { key: string; address: SocketAddress; ipv6Only: boolean }[] {
  const seen = new Map<string, number>();
  return addresses.map(({ address, ipv6Only = true }) => {
    const text = `${addressText(address)} ${ipv6Only} ${bindsToPort !== false}`;
    const nth = seen.get(text) ?? 0;
    seen.set(text, nth + 1);
    return { key: `${text} ${nth}`, address, ipv6Only };
  });
}
