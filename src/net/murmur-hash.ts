import { Word64 } from "./word64.ts";

/** MurmurHash64A of a string of wire bytes with the seed of GCC's std::hash. Envoy: MurmurHash::murmurHash2. */
export function murmurHash2(text: string, into: Word64): void {
  const length = text.length;
  block.set(0, length);
  block.multiply(mulHigh, mulLow);
  into.set(block.high, block.low ^ seed);
  const whole = length & ~7;
  for (let at = 0; at < whole; at += 8) {
    block.set(readBytes(text, at + 4, 4), readBytes(text, at, 4));
    block.multiply(mulHigh, mulLow);
    block.xorShiftRight(47);
    block.multiply(mulHigh, mulLow);
    into.xor(block.high, block.low);
    into.multiply(mulHigh, mulLow);
  }
  const rest = length - whole;
  if (rest > 0) {
    into.xor(rest > 4 ? readBytes(text, whole + 4, rest - 4) : 0, readBytes(text, whole, Math.min(rest, 4)));
    into.multiply(mulHigh, mulLow);
  }
  into.xorShiftRight(47);
  into.multiply(mulHigh, mulLow);
  into.xorShiftRight(47);
}

/** Up to four bytes, the first one lowest. */
function readBytes(text: string, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = (value << 8) | text.charCodeAt(at + i);
  return value;
}

const block = new Word64();
const seed = 0xc70f6907;
const mulHigh = 0xc6a4a793;
const mulLow = 0x5bd1e995;
