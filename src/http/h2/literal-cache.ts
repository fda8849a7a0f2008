import type { HpackField } from "./hpack-field.ts";

/**
 * Fields of literals that came before, by their bytes: a peer that does not index what it repeats says the same bytes again and again (bench
 * http2-to-http2). Direct-mapped and bounded, for all connections of a thread; a field that is kept is never changed.
 */
class LiteralCache {
  /** What find() did not find is to be kept: it came before. What comes once, as a request id does, pushes nothing out. */
  isWanted = false;
  readonly #fields: (HpackField | null)[] = new Array(slots).fill(null);
  readonly #bytes = new Uint8Array(slots * maxLiteral);
  readonly #lengths = new Uint8Array(slots);
  readonly #indexes = new Uint8Array(slots);
  /** The last hash that was not found. */
  readonly #missed = new Int32Array(slots);
  /** Where find() looked. */
  #slot = 0;

  /**
   * The field whose name is at `index` of the static table, or for 0 in the bytes, and whose strings are bytes[from, to); null when it is not
   * there. maxLiteral bytes at most.
   */
  find(index: number, bytes: Uint8Array, from: number, to: number): HpackField | null {
    let hash = index;
    for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
    const slot = (hash ^ (hash >>> 15)) & (slots - 1);
    this.#slot = slot;
    if (this.#lengths[slot] === to - from && this.#indexes[slot] === index) {
      const kept = this.#bytes;
      let at = slot * maxLiteral;
      let i = from;
      while (i < to && kept[at] === bytes[i]) {
        at++;
        i++;
      }
      if (i === to) return this.#fields[slot] as HpackField;
    }
    this.isWanted = this.#missed[slot] === hash;
    this.#missed[slot] = hash;
    return null;
  }

  /** The field of what find() was asked for last. */
  keep(field: HpackField, index: number, bytes: Uint8Array, from: number, to: number): void {
    const slot = this.#slot;
    const at = slot * maxLiteral;
    for (let i = from; i < to; i++) this.#bytes[at + i - from] = bytes[i] as number;
    this.#lengths[slot] = to - from;
    this.#indexes[slot] = index;
    this.#fields[slot] = field;
  }
}

/** Bytes of the longest that is kept. */
export const maxLiteral = 120;
const slots = 512;
/** The cache of this thread. */
export const literalCache: LiteralCache = new LiteralCache();
