import { randomFillSync } from "node:crypto";

/** A random UUID (version 4) whose nibble 14 carries Envoy's trace reason: "4" none, "9" sampled, "a" client, "b" forced. */
export function newRequestId(): string {
  if (at === pool.length) {
    randomFillSync(pool);
    at = 0;
  }
  const b = pool;
  const o = at;
  at += 16;
  return `${hex[b[o] as number]}${hex[b[o + 1] as number]}${hex[b[o + 2] as number]}${hex[b[o + 3] as number]}-${hex[b[o + 4] as number]}${hex[b[o + 5] as number]}-${hex[((b[o + 6] as number) & 15) | 64]}${hex[b[o + 7] as number]}-${hex[((b[o + 8] as number) & 63) | 128]}${hex[b[o + 9] as number]}-${hex[b[o + 10] as number]}${hex[b[o + 11] as number]}${hex[b[o + 12] as number]}${hex[b[o + 13] as number]}${hex[b[o + 14] as number]}${hex[b[o + 15] as number]}`;
}

/** Sets the trace nibble of a UUID back to "no trace", as Envoy does with an id that it takes over; others stay. */
export function clearTraceReason(id: string): string {
  if (id.length !== 36) return id;
  const nibble = id.charCodeAt(14);
  return nibble === 57 || nibble === 97 || nibble === 98 ? `${id.slice(0, 14)}4${id.slice(15)}` : id;
}

const hex = Array.from({ length: 256 }, (_, i) => (i + 256).toString(16).slice(1));
const pool = Buffer.alloc(4096);
let at = pool.length;
