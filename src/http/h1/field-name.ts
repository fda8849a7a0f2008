import { knownId, knownNames } from "../names.ts";

/** 1 for the characters of a token (RFC 9110 section 5.6.2). */
export const tokenChars = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  tokenChars[c.charCodeAt(0)] = 1;
}

/**
 * Field names as received (any case) to their lower-case string and known id: a direct-mapped cache, so that a name seen
 * before costs no slice, no lower-casing and no Map. Bounded; a name that falls out is only found more slowly.
 */
class NameCache {
  readonly #raw: string[] = new Array(slots).fill("");
  readonly #rawBytes = new Uint8Array(slots * maxCachedLength);
  readonly #lengths = new Int16Array(slots).fill(-1);
  readonly #lower: string[] = new Array(slots).fill("");
  readonly #ids = new Int16Array(slots).fill(-1);

  constructor() {
    for (const name of knownNames) {
      this.#store(name, name, knownId(name));
      const proper = name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
      if (proper !== name) this.#store(proper, name, knownId(name));
    }
  }

  /** The slot of the name bytes[from, to) whose hashName is `hash`. Read it at once: the next call may replace it. */
  slotOf(bytes: Uint8Array, from: number, to: number, hash: number): number {
    const slot = (hash ^ (hash >>> 15)) & (slots - 1);
    const length = to - from;
    if (this.#lengths[slot] !== length) return this.#miss(bytes, from, to, slot);
    const rawBytes = this.#rawBytes;
    const at = slot * maxCachedLength;
    for (let i = 0; i < length; i++) {
      if (rawBytes[at + i] !== bytes[from + i]) return this.#miss(bytes, from, to, slot);
    }
    return slot;
  }

  lower(slot: number): string {
    return this.#lower[slot] as string;
  }

  raw(slot: number): string {
    return this.#raw[slot] as string;
  }

  /** The known id, -1, or underscoreName. */
  id(slot: number): number {
    return this.#ids[slot] as number;
  }

  #miss(bytes: Uint8Array, from: number, to: number, slot: number): number {
    // A copy: a slice of a head would keep the whole head alive.
    const raw = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).latin1Slice();
    const lower = lowerCase(raw);
    this.#put(slot, raw, lower, knownId(lower));
    return slot;
  }

  #store(raw: string, lower: string, id: number): void {
    const hash = hashName(raw);
    this.#put((hash ^ (hash >>> 15)) & (slots - 1), raw, lower, id);
  }

  #put(slot: number, raw: string, lower: string, id: number): void {
    this.#raw[slot] = raw;
    // A longer name is not found again.
    this.#lengths[slot] = raw.length <= maxCachedLength ? raw.length : -1;
    for (let i = 0; i < raw.length && i < maxCachedLength; i++) {
      this.#rawBytes[slot * maxCachedLength + i] = raw.charCodeAt(i);
    }
    this.#lower[slot] = id >= 0 ? (knownNames[id] as string) : lower;
    this.#ids[slot] = id < 0 && lower.includes("_") ? underscoreName : id;
  }
}

/** The hash that a parser also computes while it checks the characters. */
export function hashName(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0;
  return hash;
}

/** Lower-cases ASCII; the same string when there is nothing to do. */
export function lowerCase(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 65 && c <= 90) return text.toLowerCase();
  }
  return text;
}

/** The id of a name that is not known and has a "_". Like -1 it is no index. */
export const underscoreName = -2;
/** Of the cache below. */
export const slots = 2048;
const maxCachedLength = 64;
export const fieldNames = new NameCache();
