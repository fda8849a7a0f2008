/** What a trie holds: least order wins, whatever its path. */
export interface Ordered {
  readonly order: number;
}

/** Decides whether an entry whose key is a prefix of the path takes the request. `depth`: the key's length. */
export interface Acceptor<E extends Ordered> {
  accepts(entry: E, depth: number): boolean;
}

/**
 * A compact radix trie from key to entries. find() gives the accepted entry of least order among those whose key is a
 * prefix of the path. Each node knows the least order in and below it, so the walk ends where nothing better can follow.
 */
export class PathTrie<E extends Ordered> {
  readonly #root = new TrieNode<E>("");
  isEmpty = true;

  /** Entries must come by rising order. */
  insert(key: string, entry: E): void {
    this.isEmpty = false;
    let node = this.#root;
    if (entry.order < node.minOrder) node.minOrder = entry.order;
    let at = 0;
    while (at < key.length) {
      const index = node.indexOf(key.charCodeAt(at));
      if (index < 0) {
        const leaf = new TrieNode<E>(key.slice(at));
        leaf.minOrder = entry.order;
        leaf.entries = [entry];
        node.insertChild(leaf);
        return;
      }
      let child = node.children[index] as TrieNode<E>;
      const shared = sharedLength(child.label, key, at);
      if (shared < child.label.length) child = node.splitChild(index, shared);
      if (entry.order < child.minOrder) child.minOrder = entry.order;
      at += shared;
      node = child;
    }
    if (node.entries.length === 0) node.entries = [entry];
    else node.entries.push(entry);
  }

  /** Only orders below `below` count. `end`: how much of the path is looked at. */
  find(path: string, end: number, below: number, acceptor: Acceptor<E>): E | null {
    let best: E | null = null;
    let bound = below;
    let node = this.#root;
    let depth = 0;
    for (;;) {
      if (node.minOrder >= bound) return best;
      const entries = node.entries;
      for (let i = 0; i < entries.length; i++) {
        const entry = entries[i] as E;
        if (entry.order >= bound) break;
        if (!acceptor.accepts(entry, depth)) continue;
        best = entry;
        bound = entry.order;
        break;
      }
      if (depth >= end) return best;
      const index = node.indexOf(path.charCodeAt(depth));
      if (index < 0) return best;
      node = node.children[index] as TrieNode<E>;
      const next = depth + node.label.length;
      if (next > end || !path.startsWith(node.label, depth)) return best;
      depth = next;
    }
  }
}

class TrieNode<E extends Ordered> {
  label: string;
  minOrder = noOrder;
  // Most nodes are leaves with one entry: the lists of none are shared, others are as long as they must be.
  entries: E[] = none;
  /** First characters of the children's labels, sorted; same places as `children`. */
  keys: readonly number[] = none;
  children: readonly TrieNode<E>[] = none;

  constructor(label: string) {
    this.label = label;
  }

  indexOf(key: number): number {
    const at = lowerBound(this.keys, key);
    return this.keys[at] === key ? at : -1;
  }

  insertChild(child: TrieNode<E>): void {
    const key = child.label.charCodeAt(0);
    const at = lowerBound(this.keys, key);
    this.keys = this.keys.toSpliced(at, 0, key);
    this.children = this.children.toSpliced(at, 0, child);
  }

  /** Puts a node for the first `length` characters above the child. */
  splitChild(index: number, length: number): TrieNode<E> {
    const lower = this.children[index] as TrieNode<E>;
    const upper = new TrieNode<E>(lower.label.slice(0, length));
    upper.minOrder = lower.minOrder;
    lower.label = lower.label.slice(length);
    upper.insertChild(lower);
    this.children = this.children.with(index, upper);
    return upper;
  }
}

function lowerBound(keys: readonly number[], key: number): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as number) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sharedLength(label: string, key: string, at: number): number {
  const limit = Math.min(label.length, key.length - at);
  let n = 0;
  while (n < limit && label.charCodeAt(n) === key.charCodeAt(at + n)) n++;
  return n;
}

const none: never[] = [];
/** Above every order; a small integer, which costs no memory of its own. */
const noOrder = 0x7fffffff;
