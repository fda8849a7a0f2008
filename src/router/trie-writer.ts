import { nodeSize, TrieNode, type TrieStore } from "./path-trie.ts";

/** Writes tries, and what else is said in numbers and text, one behind the other. */
export class TrieWriter {
  /** As far as it is written; PathTrie reads it. The arrays are others when it has grown. */
  readonly store: TrieStore = { ints: new Int32Array(0), text: new Uint8Array(0) };
  #intsLength = 0;
  #textLength = 0;

  /** Room for `count` numbers; where it is. */
  reserveInts(count: number): number {
    const at = this.#intsLength;
    this.#intsLength += count;
    const { ints } = this.store;
    if (this.#intsLength > ints.length) {
      this.store.ints = new Int32Array(Math.max(this.#intsLength, ints.length * 2));
      this.store.ints.set(ints);
    }
    return at;
  }

  /** Writes strings in wire bytes, one behind the other. Gives where each begins, and the end. */
  writeTexts(strings: readonly string[]): Int32Array {
    const all = strings.join("");
    const { text } = this.store;
    let at = this.#textLength;
    const size = Buffer.byteLength(all);
    this.#textLength += size;
    if (this.#textLength > text.length) {
      this.store.text = new Uint8Array(Math.max(this.#textLength, text.length * 2));
      this.store.text.set(text);
    }
    encoder.encodeInto(all, this.store.text.subarray(at));
    const isAscii = size === all.length;
    const places = new Int32Array(strings.length + 1);
    for (const [i, string] of strings.entries()) {
      places[i] = at;
      at += isAscii ? string.length : Buffer.byteLength(string);
    }
    places[strings.length] = at;
    return places;
  }

  /** Writes a trie of the keys of `orders`, which rise and are one at least; the i-th key is text[starts[i], ends[i]). Gives its root. */
  writeTrie(orders: readonly number[], starts: Int32Array, ends: Int32Array): number {
    const draft = new Draft(this.store.text, orders, starts, ends);
    const root = this.reserveInts(draft.nodeCount * nodeSize + orders.length);
    draft.write(this.store.ints, root);
    return root;
  }

  /** A copy that is no longer than it must be. */
  trimmed(): TrieStore {
    return {
      ints: this.store.ints.slice(0, this.#intsLength),
      text: this.store.text.slice(0, this.#textLength),
    };
  }
}

/** A trie that grows: nodes by number, each with its children and its entries in lists. */
class Draft {
  nodeCount = 1;
  readonly #text: Uint8Array;
  readonly #orders: readonly number[];
  readonly #labelStart: Int32Array;
  readonly #labelEnd: Int32Array;
  readonly #minOrder: Int32Array;
  /** First child and next sibling, by rising first byte; 0 for none, which is the root. */
  readonly #child: Int32Array;
  readonly #sibling: Int32Array;
  /** First and last entry of a node, by index + 1, and the one behind an entry; 0 for none. */
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #next: Int32Array;

  constructor(text: Uint8Array, orders: readonly number[], starts: Int32Array, ends: Int32Array) {
    // A key makes a leaf, and splits a node at most.
    const most = 1 + 2 * orders.length;
    this.#text = text;
    this.#orders = orders;
    this.#labelStart = new Int32Array(most);
    this.#labelEnd = new Int32Array(most);
    this.#minOrder = new Int32Array(most);
    this.#child = new Int32Array(most);
    this.#sibling = new Int32Array(most);
    this.#first = new Int32Array(most);
    this.#last = new Int32Array(most);
    this.#next = new Int32Array(orders.length + 1);
    this.#minOrder[0] = orders[0] as number;
    for (let i = 0; i < orders.length; i++) this.#insert(i, starts[i] as number, ends[i] as number);
  }

  /** Breadth first, so that siblings stand side by side. */
  write(ints: Int32Array, root: number): void {
    const queue = new Int32Array(this.nodeCount);
    let queued = 1;
    let orders = root + this.nodeCount * nodeSize;
    for (let i = 0; i < this.nodeCount; i++) {
      const node = queue[i] as number;
      const at = root + i * nodeSize;
      const start = this.#labelStart[node] as number;
      ints[at + TrieNode.key] = i === 0 ? -1 : (this.#text[start] as number);
      ints[at + TrieNode.labelStart] = start;
      ints[at + TrieNode.labelEnd] = this.#labelEnd[node] as number;
      ints[at + TrieNode.minOrder] = this.#minOrder[node] as number;
      ints[at + TrieNode.children] = root + queued * nodeSize;
      const firstChild = queued;
      for (let child = this.#child[node] as number; child > 0; child = this.#sibling[child] as number)
        queue[queued++] = child;
      ints[at + TrieNode.childCount] = queued - firstChild;
      ints[at + TrieNode.orders] = orders;
      const firstOrder = orders;
      for (let entry = this.#first[node] as number; entry > 0; entry = this.#next[entry] as number)
        ints[orders++] = this.#orders[entry - 1] as number;
      ints[at + TrieNode.orderCount] = orders - firstOrder;
    }
  }

  #insert(index: number, start: number, end: number): void {
    const text = this.#text;
    let node = 0;
    let at = start;
    while (at < end) {
      const key = text[at] as number;
      let before = 0;
      let child = this.#child[node] as number;
      while (child > 0 && (text[this.#labelStart[child] as number] as number) < key) {
        before = child;
        child = this.#sibling[child] as number;
      }
      if (child === 0 || text[this.#labelStart[child] as number] !== key) {
        const leaf = this.#newNode(index, at, end);
        this.#sibling[leaf] = child;
        this.#link(node, before, leaf);
        node = leaf;
        break;
      }
      const shared = this.#sharedLength(child, at, end);
      at += shared;
      const split = (this.#labelStart[child] as number) + shared;
      if (split < (this.#labelEnd[child] as number)) child = this.#split(node, before, child, split);
      node = child;
    }
    const last = this.#last[node] as number;
    if (last === 0) this.#first[node] = index + 1;
    else this.#next[last] = index + 1;
    this.#last[node] = index + 1;
  }

  #newNode(index: number, labelStart: number, labelEnd: number): number {
    const node = this.nodeCount++;
    this.#labelStart[node] = labelStart;
    this.#labelEnd[node] = labelEnd;
    this.#minOrder[node] = this.#orders[index] as number;
    return node;
  }

  /** Puts a node for the label up to `end` above the child. */
  #split(parent: number, before: number, child: number, end: number): number {
    const upper = this.nodeCount++;
    this.#labelStart[upper] = this.#labelStart[child] as number;
    this.#labelEnd[upper] = end;
    this.#minOrder[upper] = this.#minOrder[child] as number;
    this.#labelStart[child] = end;
    this.#child[upper] = child;
    this.#sibling[upper] = this.#sibling[child] as number;
    this.#sibling[child] = 0;
    this.#link(parent, before, upper);
    return upper;
  }

  /** `before`: the sibling in front of it; 0 for the first. */
  #link(parent: number, before: number, node: number): void {
    if (before === 0) this.#child[parent] = node;
    else this.#sibling[before] = node;
  }

  #sharedLength(node: number, at: number, end: number): number {
    const label = this.#labelStart[node] as number;
    const limit = Math.min((this.#labelEnd[node] as number) - label, end - at);
    let n = 1;
    while (n < limit && this.#text[label + n] === this.#text[at + n]) n++;
    return n;
  }
}

const encoder = new TextEncoder();
