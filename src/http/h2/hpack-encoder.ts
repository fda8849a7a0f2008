import { knownNames } from "../names.ts";
import { entryOverhead, staticTable } from "./hpack-field.ts";
import { huffmanEncode, huffmanLength } from "./huffman.ts";

/**
 * HPACK's encoder (RFC 7541): the dynamic table of one connection's one direction.
 *
 * A value enters the table when it is used twice in a row, so that request ids and the like do not push out what repeats;
 * the first value of a name that the static table lacks enters at once, for its name. Credentials are never indexed.
 */
export class HpackEncoder {
  readonly #names = new Map<string, NameState>();
  /** Of the names that are known, by id. */
  readonly #known: (NameState | null)[] = new Array(knownNames.length).fill(null);
  readonly #usesHuffman: boolean;
  readonly #ownLimit: number;
  /** Sizes of the entries by position, as a ring; an entry is alive while its position is above #count - #entries - 1. */
  #sizes = new Int32Array(ringStart);
  /** Entries ever inserted: the newest has the position #count - 1 and the index 62. */
  #count = 0;
  #entries = 0;
  #size = 0;
  #maxSize: number;
  /** The smallest size since the last block, -1 when it did not change: both are told (RFC 7541 section 4.2). */
  #smallestUpdate = -1;

  /** `tableSize`: the most that this side spends on it, whatever the peer allows. */
  constructor(tableSize: number, usesHuffman: boolean) {
    this.#ownLimit = tableSize;
    this.#usesHuffman = usesHuffman;
    this.#maxSize = defaultTableSize;
    this.setPeerTableSize(defaultTableSize);
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerTableSize(size: number): void {
    const maxSize = Math.min(size, this.#ownLimit);
    if (maxSize === this.#maxSize) return;
    if (this.#smallestUpdate < 0 || maxSize < this.#smallestUpdate) this.#smallestUpdate = maxSize;
    this.#maxSize = maxSize;
    this.#evict(0);
  }

  /** In front of each block's fields; writes at most 12 bytes. */
  startBlock(bytes: Uint8Array, at: number): number {
    if (this.#smallestUpdate < 0) return at;
    let end = at;
    if (this.#smallestUpdate < this.#maxSize) end = writeInteger(bytes, end, 0x20, 0x1f, this.#smallestUpdate);
    this.#smallestUpdate = -1;
    return writeInteger(bytes, end, 0x20, 0x1f, this.#maxSize);
  }

  /** One field; writes at most name.length + value.length + 16 bytes. `id`: Known.x of the name, below 0 for another. */
  encode(name: string, value: string, bytes: Buffer, at: number, id = -1): number {
    const state =
      id >= 0 ? (this.#known[id] ?? this.#addKnown(name, id)) : (this.#names.get(name) ?? this.#addName(name));
    const oldest = this.#count - this.#entries;
    if (state.recentPosition >= oldest && state.recent === value) {
      return writeInteger(bytes, at, 0x80, 0x7f, 61 + this.#count - state.recentPosition);
    }
    const values = state.staticValues;
    for (let i = 0; i < values.length; i++) {
      if (values[i] === value) return writeInteger(bytes, at, 0x80, 0x7f, state.staticIndex + i);
    }
    if (state.olderPosition >= oldest && state.older === value) {
      const position = state.olderPosition;
      state.older = state.recent;
      state.olderPosition = state.recentPosition;
      state.recent = value;
      state.recentPosition = position;
      return writeInteger(bytes, at, 0x80, 0x7f, 61 + this.#count - position);
    }
    return this.#literal(state, name, value, bytes, at);
  }

  #literal(state: NameState, name: string, value: string, bytes: Buffer, at: number): number {
    let nameIndex = state.staticIndex;
    if (nameIndex === 0 && state.recentPosition >= this.#count - this.#entries) {
      nameIndex = 61 + this.#count - state.recentPosition;
    }
    const size = name.length + value.length + entryOverhead;
    const isSecret = state.isSecret || (name === "cookie" && value.length < shortCookie);
    const isIndexed =
      !isSecret && size <= this.#maxSize - (this.#maxSize >> 2) && (nameIndex === 0 || state.candidate === value);
    state.candidate = isSecret ? "" : value;
    let end = isIndexed
      ? writeInteger(bytes, at, 0x40, 0x3f, nameIndex)
      : writeInteger(bytes, at, isSecret ? 0x10 : 0, 0x0f, nameIndex);
    if (nameIndex === 0) end = this.#string(name, bytes, end);
    end = this.#string(value, bytes, end);
    if (isIndexed) this.#insert(state, value, size);
    return end;
  }

  #string(text: string, bytes: Buffer, at: number): number {
    const length = text.length;
    if (this.#usesHuffman) {
      // Most are so short that what is in front of them is one byte, whatever becomes of them.
      const isShort = length < 0x7f;
      const from = isShort ? at + 1 : writeInteger(bytes, at, 0x80, 0x7f, huffmanLength(text));
      const limit = from + length;
      const end = huffmanEncode(text, bytes, from, limit);
      if (end < limit) {
        if (isShort) bytes[at] = 0x80 | (end - from);
        return end;
      }
    }
    const start = writeInteger(bytes, at, 0, 0x7f, length);
    if (length > 24) return start + bytes.latin1Write(text, start);
    for (let i = 0; i < length; i++) bytes[start + i] = text.charCodeAt(i);
    return start + length;
  }

  #insert(state: NameState, value: string, size: number): void {
    this.#evict(size);
    if (this.#entries === this.#sizes.length) this.#grow();
    this.#sizes[this.#count & (this.#sizes.length - 1)] = size;
    state.older = state.recent;
    state.olderPosition = state.recentPosition;
    state.recent = value;
    state.recentPosition = this.#count;
    this.#count++;
    this.#entries++;
    this.#size += size;
  }

  #evict(size: number): void {
    const mask = this.#sizes.length - 1;
    while (this.#entries > 0 && this.#size + size > this.#maxSize) {
      this.#size -= this.#sizes[(this.#count - this.#entries) & mask] as number;
      this.#entries--;
    }
  }

  #grow(): void {
    const sizes = new Int32Array(this.#sizes.length * 2);
    for (let i = 1; i <= this.#entries; i++) {
      const position = this.#count - i;
      sizes[position & (sizes.length - 1)] = this.#sizes[position & (this.#sizes.length - 1)] as number;
    }
    this.#sizes = sizes;
  }

  #addKnown(name: string, id: number): NameState {
    const state = new NameState(name);
    this.#known[id] = state;
    return state;
  }

  #addName(name: string): NameState {
    // A peer that makes up names costs a bounded amount; entries of forgotten names are not used again, which is no harm.
    if (this.#names.size >= maxNames) this.#names.clear();
    const state = new NameState(name);
    this.#names.set(name, state);
    return state;
  }
}

/** What is known of a name. */
class NameState {
  /** The last two values in the dynamic table, and where; a position below the oldest entry's is a dead one. */
  recent = "";
  recentPosition = -1;
  older = "";
  olderPosition = -1;
  /** The last value that was sent as a literal. */
  candidate = "";
  /** The first static entry of the name, 0 when there is none, and the values of it and those behind it. */
  readonly staticIndex: number;
  readonly staticValues: readonly string[];
  readonly isSecret: boolean;

  constructor(name: string) {
    const known = staticNames.get(name);
    this.staticIndex = known === undefined ? 0 : known.index;
    this.staticValues = known === undefined ? noValues : known.values;
    this.isSecret = name === "authorization" || name === "proxy-authorization";
  }
}

/** Writes an integer under a prefix (RFC 7541 section 5.1); `bits` are those above the prefix. */
export function writeInteger(bytes: Uint8Array, at: number, bits: number, mask: number, value: number): number {
  if (value < mask) {
    bytes[at] = bits | value;
    return at + 1;
  }
  bytes[at] = bits | mask;
  let left = value - mask;
  let end = at + 1;
  while (left >= 128) {
    bytes[end++] = (left & 127) | 128;
    left >>>= 7;
  }
  bytes[end] = left;
  return end + 1;
}

interface StaticName {
  index: number;
  values: string[];
}

const noValues: readonly string[] = [];
const staticNames = new Map<string, StaticName>();
for (let index = 1; index < staticTable.length; index++) {
  const field = staticTable[index];
  if (field === undefined) continue;
  const known = staticNames.get(field.name);
  if (known !== undefined) known.values.push(field.value);
  // An empty value stands for none: it is rarer than a lookup is dear.
  else staticNames.set(field.name, { index, values: field.value === "" ? [] : [field.value] });
}

const defaultTableSize = 4096;
const ringStart = 32;
const maxNames = 256;
// nghttp2 keeps such a cookie out of the table: it could be guessed by its size there.
const shortCookie = 20;
