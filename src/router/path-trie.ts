/** Decides whether an entry, known by its order, whose key is a prefix of the path takes the request. `depth`: the key's length. */
export interface Acceptor {
  accepts(order: number, depth: number): boolean;
}

/** Where tries stand, many in one: a worker gets it as two blocks of bytes. */
export interface TrieStore {
  /** Nodes, nodeSize of them each, and the orders of nodes. */
  ints: Int32Array;
  /** What the labels of nodes point into. */
  text: Uint8Array;
}

/** Fields of a node; the children of one stand side by side, by rising `key`. */
export const TrieNode = {
  /** First byte of the label. */
  key: 0,
  labelStart: 1,
  labelEnd: 2,
  /** Least order in and below the node. */
  minOrder: 3,
  children: 4,
  childCount: 5,
  orders: 6,
  orderCount: 7,
} as const;
export const nodeSize = 8;

/**
 * A compact radix trie from keys, in wire bytes, to orders, as TrieWriter wrote it. find() gives the accepted one of least order among
 * those whose key is a prefix of the path. Each node knows the least order in and below it, so the walk ends where nothing better can follow.
 */
export class PathTrie {
  readonly #store: TrieStore;
  readonly #root: number;

  /** `root`: of TrieWriter. */
  constructor(store: TrieStore, root: number) {
    this.#store = store;
    this.#root = root;
  }

  /** -1 for none. Only orders below `below` count. `end`: how much of the path is looked at. */
  find(path: string, end: number, below: number, acceptor: Acceptor): number {
    const { ints, text } = this.#store;
    let best = -1;
    let bound = below;
    let node = this.#root;
    let depth = 0;
    for (;;) {
      if ((ints[node + TrieNode.minOrder] as number) >= bound) return best;
      const from = ints[node + TrieNode.orders] as number;
      const to = from + (ints[node + TrieNode.orderCount] as number);
      for (let i = from; i < to; i++) {
        const order = ints[i] as number;
        if (order >= bound) break;
        if (!acceptor.accepts(order, depth)) continue;
        best = bound = order;
        break;
      }
      if (depth >= end) return best;
      node = childOf(ints, node, path.charCodeAt(depth));
      if (node < 0) return best;
      const labelEnd = ints[node + TrieNode.labelEnd] as number;
      let at = (ints[node + TrieNode.labelStart] as number) + 1;
      depth++;
      if (depth + labelEnd - at > end) return best;
      for (; at < labelEnd; at++) if (text[at] !== path.charCodeAt(depth++)) return best;
    }
  }
}

/** -1 for none. */
function childOf(ints: Int32Array, node: number, key: number): number {
  const first = ints[node + TrieNode.children] as number;
  let low = 0;
  let high = ints[node + TrieNode.childCount] as number;
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = first + middle * nodeSize;
    const found = ints[at] as number;
    if (found === key) return at;
    if (found < key) low = middle + 1;
    else high = middle;
  }
  return -1;
}
