/**
 * What was made of parts of a resource, found again by their bytes. Holds those of the last version alone, in the order in which they were met:
 * where the order stays, one comparison finds a part.
 */
export class PartCache<T> {
  readonly #parts = new Map<number, Part<T>>();
  #round = 0;
  /** Met last in this version. */
  #last: Part<T> | null = null;
  /** Of what was not found last. */
  #hash = 0;

  /** Of the bytes from start to end; undefined where nothing was made of the same bytes. What is found counts to the version that is being read. */
  find(bytes: DataView, start: number, end: number): T | undefined {
    let part = this.#last === null ? null : this.#last.next;
    if (part === null || !isSame(part, bytes, start, end)) {
      this.#hash = hashOf(bytes, start, end);
      part = this.#parts.get(this.#hash) ?? null;
      if (part === null || !isSame(part, bytes, start, end)) return undefined;
    }
    part.bytes = bytes;
    part.start = start;
    part.round = this.#round;
    this.#meet(part);
    return part.value;
  }

  /** Keeps what was made of the bytes that were just looked for and not found. Of two with the same hash the later one stays. */
  put(bytes: DataView, start: number, end: number, value: T): void {
    const part = { bytes, start, length: end - start, round: this.#round, value, next: null };
    this.#parts.set(this.#hash, part);
    this.#meet(part);
  }

  /** A version was read whole: forgets what is not of it. */
  endVersion(): void {
    for (const [hash, { round }] of this.#parts) if (round !== this.#round) this.#parts.delete(hash);
    if (this.#last !== null) this.#last.next = null;
    this.#last = null;
    this.#round++;
  }

  #meet(part: Part<T>): void {
    if (this.#last !== null) this.#last.next = part;
    this.#last = part;
  }
}

interface Part<T> {
  /** The resource that it stands in, which is kept for it. */
  bytes: DataView;
  start: number;
  readonly length: number;
  /** The version in which it was last met. */
  round: number;
  readonly value: T;
  /** What was met after it. */
  next: Part<T> | null;
}

/** FNV-1a by four bytes at a time, in 30 bits, which cost a Map no memory of their own. */
function hashOf(bytes: DataView, start: number, end: number): number {
  let hash = 0x811c9dc5;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul(hash ^ bytes.getInt32(at), 0x01000193);
    // What the multiplication left in the high bits alone.
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes.getUint8(at), 0x01000193);
  return hash >>> 2;
}

function isSame({ bytes, start, length }: Part<unknown>, others: DataView, from: number, end: number): boolean {
  if (length !== end - from) return false;
  let i = 0;
  for (; i + 4 <= length; i += 4) if (bytes.getInt32(start + i) !== others.getInt32(from + i)) return false;
  for (; i < length; i++) if (bytes.getUint8(start + i) !== others.getUint8(from + i)) return false;
  return true;
}
