import { asciiLower } from "./text.ts";

/**
 * Domains to what serves them, searched in Envoy's order: the exact name, the longest suffix wildcard (`*.x`, `*-x`),
 * the longest prefix wildcard (`x.*`), `*`.
 */
export class HostTrie<V> {
  readonly #exact = new Map<string, V>();
  readonly #suffixes = new HostNode<V>();
  readonly #prefixes = new HostNode<V>();
  #hasSuffixes = false;
  #hasPrefixes = false;
  #any: V | null = null;

  insert(domain: string, value: V): void {
    const name = asciiLower(domain);
    if (name === "*") this.#any = value;
    else if (name.startsWith("*")) {
      this.#hasSuffixes = true;
      let node = this.#suffixes;
      for (let i = name.length - 1; i > 0; i--) node = node.child(name.charCodeAt(i));
      node.value = value;
    } else if (name.endsWith("*")) {
      this.#hasPrefixes = true;
      let node = this.#prefixes;
      for (let i = 0; i < name.length - 1; i++) node = node.child(name.charCodeAt(i));
      node.value = value;
    } else this.#exact.set(name, value);
  }

  find(host: string): V | null {
    if (host === "") return this.#any;
    const name = asciiLower(host);
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    return (
      (this.#hasSuffixes ? this.#suffix(name) : null) ?? (this.#hasPrefixes ? this.#prefix(name) : null) ?? this.#any
    );
  }

  /** A wildcard stands for one character at least, so the last one is never looked at. */
  #suffix(name: string): V | null {
    let best: V | null = null;
    let node: HostNode<V> | undefined = this.#suffixes;
    for (let i = name.length - 1; i > 0; i--) {
      node = node.children.get(name.charCodeAt(i));
      if (node === undefined) break;
      if (node.value !== null) best = node.value;
    }
    return best;
  }

  #prefix(name: string): V | null {
    let best: V | null = null;
    let node: HostNode<V> | undefined = this.#prefixes;
    for (let i = 0; i < name.length - 1; i++) {
      node = node.children.get(name.charCodeAt(i));
      if (node === undefined) break;
      if (node.value !== null) best = node.value;
    }
    return best;
  }
}

/** The host without its port, an IPv6 literal kept whole. Envoy's HeaderUtility::getPortStart. */
export function withoutPort(host: string): string {
  const colon = host.lastIndexOf(":");
  if (colon < 0 || host.lastIndexOf("]") > colon) return host;
  return host.slice(0, colon);
}

class HostNode<V> {
  value: V | null = null;
  readonly children = new Map<number, HostNode<V>>();

  child(key: number): HostNode<V> {
    let node = this.children.get(key);
    if (node === undefined) this.children.set(key, (node = new HostNode<V>()));
    return node;
  }
}
