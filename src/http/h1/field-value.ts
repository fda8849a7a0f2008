import { slots } from "./field-name.ts";

/**
 * The last value of a field, by the slot of its name in fieldNames: a value that comes again costs no check of its characters and no slice, and
 * who compares it with what it was before compares the same string (bench small). Bounded; only the bytes of a value matter, not whose it is.
 */
class ValueCache {
  readonly #values: string[] = new Array(slots).fill("");
  readonly #bytes = new Uint8Array(slots * maxLength);
  readonly #misses = new Uint16Array(slots);

  /** The value at bytes[at, …), if it is that of the last time and its line ends behind it, in front of `limit`; else "". */
  find(slot: number, bytes: Uint8Array, at: number, limit: number): string {
    const value = this.#values[slot] as string;
    const length = value.length;
    const end = at + length;
    if (length === 0 || end + 2 > limit || bytes[end] !== 13 || bytes[end + 1] !== 10) return "";
    const kept = this.#bytes;
    const from = slot * maxLength - at;
    // From the end, where dates and counters differ.
    for (let i = end - 1; i >= at; i--) if (kept[from + i] !== bytes[i]) return "";
    this.#misses[slot] = 0;
    return value;
  }

  /** What stands there is bytes[from, to). What is another one each time is rarely remembered. */
  onMiss(slot: number, bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    if (length === 0 || length > maxLength) return;
    const misses = ((this.#misses[slot] as number) + 1) & 0xffff;
    this.#misses[slot] = misses;
    if ((misses & (misses - 1)) !== 0 && (misses & 63) !== 0) return;
    // A copy: a slice of a head would keep the whole head alive.
    this.#values[slot] = Buffer.from(bytes.buffer, bytes.byteOffset + from, length).latin1Slice();
    const at = slot * maxLength - from;
    for (let i = from; i < to; i++) this.#bytes[at + i] = bytes[i] as number;
  }
}

const maxLength = 128;
/** The cache of this thread. */
export const fieldValues: ValueCache = new ValueCache();
