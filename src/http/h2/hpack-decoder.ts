import { fieldNames } from "../h1/field-name.ts";
import { HpackField, staticTable, valueFaultOf } from "./hpack-field.ts";
import { huffmanDecode } from "./huffman.ts";
import { literalCache, maxLiteral } from "./literal-cache.ts";

/** Where decoded fields go. */
export interface FieldSink {
  /** True when no field is wanted any more: onField is then told sizes but not the strings of literals. */
  readonly isFull: boolean;
  /** `field` is valid during the call. `length` is that of name and value, which may be missing when isFull. */
  onField(field: HpackField, length: number): void;
}

/** HPACK's decoder (RFC 7541): the dynamic table of one connection's one direction. */
export class HpackDecoder {
  /** Live entries are those at (count - 1) down to (count - #entries), modulo the array's length: the newest is index 62. */
  #table: HpackField[] = [];
  #count = 0;
  #entries = 0;
  #size = 0;
  #maxSize = defaultTableSize;
  /** What SETTINGS_HEADER_TABLE_SIZE lets the peer choose. */
  #sizeLimit: number;
  #mustUpdate = false;
  readonly #literal = new HpackField();
  readonly #sizeWhenAcknowledged: number;

  constructor(tableSize: number) {
    this.#sizeWhenAcknowledged = tableSize;
    this.#sizeLimit = Math.max(tableSize, defaultTableSize);
  }

  /** The peer knows our SETTINGS: a smaller table must be taken over at its next block (RFC 7541 section 4.2). */
  onSettingsAcknowledged(): void {
    this.#sizeLimit = this.#sizeWhenAcknowledged;
    if (this.#maxSize > this.#sizeLimit) this.#mustUpdate = true;
  }

  /** Bytes in the dynamic table, as RFC 7541 counts them. */
  get tableSize(): number {
    return this.#size;
  }

  /** A whole header block. False: COMPRESSION_ERROR, and the connection is lost. */
  decode(bytes: Buffer, from: number, to: number, sink: FieldSink): boolean {
    let at = from;
    let isStart = true;
    while (at < to) {
      const first = bytes[at] as number;
      if (first >= 0x80) {
        let index = first & 0x7f;
        at++;
        if (index === 0x7f) {
          at = readInteger(bytes, at, to, 0x7f);
          index = integer;
        }
        if (at < 0) return false;
        const field = this.#at(index);
        if (field === null) return false;
        sink.onField(field, field.name.length + field.value.length);
      } else if (first >= 0x40) {
        at = this.#literalField(bytes, at, to, 0x3f, sink, true);
        if (at < 0) return false;
      } else if (first >= 0x20) {
        if (!isStart) return false;
        at = readPrefixed(bytes, at, to, 0x1f);
        if (at < 0 || integer > this.#sizeLimit) return false;
        this.#mustUpdate = false;
        this.#maxSize = integer;
        this.#evict(0);
        continue;
      } else {
        at = this.#literalField(bytes, at, to, 0x0f, sink, false);
        if (at < 0) return false;
      }
      if (isStart && this.#mustUpdate) return false;
      isStart = false;
    }
    return true;
  }

  #at(index: number): HpackField | null {
    if (index <= 61) return index === 0 ? null : (staticTable[index] as HpackField);
    const back = index - 62;
    if (back >= this.#entries) return null;
    return this.#table[(this.#count - 1 - back) & (this.#table.length - 1)] as HpackField;
  }

  #literalField(bytes: Buffer, start: number, to: number, mask: number, sink: FieldSink, isIndexed: boolean): number {
    const from = readPrefixed(bytes, start, to, mask);
    if (from < 0) return -1;
    const index = integer;
    // RFC 7541 section 7.1.3: what is never to be indexed is not kept either.
    const isSecret = mask === 0x0f && (bytes[start] as number) >= 0x10;
    const end = isSecret || index > 61 ? -1 : literalEnd(bytes, from, to, index === 0);
    const known = end < 0 ? null : literalCache.find(index, bytes, from, end);
    if (known === null) {
      return this.#decodeLiteral(bytes, from, to, index, sink, isIndexed, end >= 0 && literalCache.isWanted);
    }
    if (isIndexed) this.#insert(known);
    sink.onField(known, known.name.length + known.value.length);
    return end;
  }

  /** Its strings from `from` on; `isKept`: for the next time that it comes. */
  #decodeLiteral(
    bytes: Buffer,
    from: number,
    to: number,
    index: number,
    sink: FieldSink,
    isIndexed: boolean,
    isKept: boolean,
  ): number {
    const field = isKept || (isIndexed && !sink.isFull) ? new HpackField() : this.#literal;
    let at = from;
    if (index > 0) {
      const named = this.#at(index);
      if (named === null) return -1;
      field.takeName(named);
    } else {
      at = readString(bytes, at, to);
      if (at < 0) return -1;
      const hash = hashBytes(text, textFrom, textTo);
      const slot = fieldNames.slotOf(text, textFrom, textTo, hash);
      // The cache's lower-case form is interned; a name that differs from it is at fault and rare.
      const raw = fieldNames.raw(slot);
      const lower = fieldNames.lower(slot);
      field.setName(raw === lower ? lower : raw, raw === lower ? fieldNames.id(slot) : -1);
    }
    at = readString(bytes, at, to);
    if (at < 0) return -1;
    const length = textTo - textFrom;
    if (!isIndexed && !isKept && sink.isFull) field.value = "";
    else {
      field.value = length === 0 ? "" : text.latin1Slice(textFrom, textTo);
      field.valueFault = valueFaultOf(text, textFrom, textTo);
    }
    if (isKept) literalCache.keep(field, index, bytes, from, at);
    if (isIndexed) this.#insert(field);
    sink.onField(field, field.name.length + length);
    return at;
  }

  #insert(field: HpackField): void {
    const size = field.size;
    this.#evict(size);
    if (size > this.#maxSize) return;
    if (this.#entries === this.#table.length) this.#grow();
    // While a sink is full a literal is not its own object.
    this.#table[this.#count & (this.#table.length - 1)] = field === this.#literal ? copyOf(field) : field;
    this.#count++;
    this.#entries++;
    this.#size += size;
  }

  /** Makes room for `size` bytes; all go when there can be none. */
  #evict(size: number): void {
    const mask = this.#table.length - 1;
    while (this.#entries > 0 && this.#size + size > this.#maxSize) {
      const at = (this.#count - this.#entries) & mask;
      this.#size -= (this.#table[at] as HpackField).size;
      this.#table[at] = nothing;
      this.#entries--;
    }
  }

  #grow(): void {
    const old = this.#table;
    const length = Math.max(16, old.length * 2);
    const table: HpackField[] = new Array(length).fill(nothing);
    for (let i = 0; i < this.#entries; i++) {
      const position = this.#count - 1 - i;
      table[position & (length - 1)] = old[position & (old.length - 1)] as HpackField;
    }
    this.#table = table;
  }
}

function copyOf(field: HpackField): HpackField {
  const copy = new HpackField();
  copy.takeName(field);
  copy.value = field.value;
  copy.valueFault = field.valueFault;
  return copy;
}

function hashBytes(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0;
  for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
  return hash;
}

/** The integer whose prefix is in bytes[at] under `mask`, to `integer`; answers where it ends, -1 when it has no end. */
function readPrefixed(bytes: Buffer, at: number, to: number, mask: number): number {
  integer = (bytes[at] as number) & mask;
  return integer < mask ? at + 1 : readInteger(bytes, at + 1, to, mask);
}

/** What follows a full prefix (RFC 7541 section 5.1): four bytes at most, far more than any length that is taken. */
function readInteger(bytes: Buffer, from: number, to: number, prefix: number): number {
  let value = prefix;
  for (let at = from, shift = 0; at < to && shift <= 21; at++, shift += 7) {
    const byte = bytes[at] as number;
    value += (byte & 0x7f) << shift;
    if (byte < 0x80) {
      integer = value;
      return at + 1;
    }
  }
  return -1;
}

/** Where the strings of a literal end; -1 when it is too long to be kept, or broken. */
function literalEnd(bytes: Buffer, from: number, to: number, isNamed: boolean): number {
  const limit = Math.min(to, from + maxLiteral);
  let end = from;
  if (isNamed) {
    if (end >= limit) return -1;
    end += 1 + ((bytes[end] as number) & 0x7f);
  }
  if (end >= limit) return -1;
  const length = (bytes[end] as number) & 0x7f;
  end += 1 + length;
  return end > limit || length === 0x7f ? -1 : end;
}

/** A string literal to text[textFrom, textTo); answers where it ends, -1 when it is broken. */
function readString(bytes: Buffer, at: number, to: number): number {
  if (at >= to) return -1;
  const isHuffman = (bytes[at] as number) >= 0x80;
  const start = readPrefixed(bytes, at, to, 0x7f);
  if (start < 0) return -1;
  const end = start + integer;
  if (end > to) return -1;
  if (!isHuffman) {
    text = bytes;
    textFrom = start;
    textTo = end;
    return end;
  }
  if (scratch.length < integer * 1.6) scratch = Buffer.allocUnsafeSlow(integer * 2);
  const length = huffmanDecode(bytes, start, end, scratch);
  if (length < 0) return -1;
  text = scratch;
  textFrom = 0;
  textTo = length;
  return end;
}

const defaultTableSize = 4096;
const nothing = new HpackField();
// Results of the functions above: one decode runs at a time in a thread, and an object for each would be garbage.
let integer = 0;
let scratch = Buffer.allocUnsafeSlow(8192);
let text: Buffer = scratch;
let textFrom = 0;
let textTo = 0;
