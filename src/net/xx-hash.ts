import { Word64 } from "./word64.ts";

/**
 * xxHash64 (the xxHash specification, XXH64) of a string of wire bytes: each character is one byte. `seed` may be `into`.
 * Envoy: HashUtil::xxHash64.
 */
export function xxHash64(text: string, into: Word64, seed: Word64 = zero): void {
  const length = text.length;
  const seedHigh = seed.high;
  const seedLow = seed.low;
  let at = 0;
  if (length >= 32) {
    lane1.set(seedHigh, seedLow);
    lane1.add(p1High, p1Low);
    lane1.add(p2High, p2Low);
    lane2.set(seedHigh, seedLow);
    lane2.add(p2High, p2Low);
    lane3.set(seedHigh, seedLow);
    lane4.set(seedHigh, seedLow);
    lane4.add(~p1High, ~p1Low);
    lane4.add(0, 1);
    for (; at + 32 <= length; at += 32) {
      round(lane1, text, at);
      round(lane2, text, at + 8);
      round(lane3, text, at + 16);
      round(lane4, text, at + 24);
    }
    into.set(0, 0);
    addRotated(into, lane1, 1);
    addRotated(into, lane2, 7);
    addRotated(into, lane3, 12);
    addRotated(into, lane4, 18);
    merge(into, lane1);
    merge(into, lane2);
    merge(into, lane3);
    merge(into, lane4);
  } else {
    into.set(seedHigh, seedLow);
    into.add(p5High, p5Low);
  }
  into.add(0, length);
  for (; at + 8 <= length; at += 8) {
    scratch.set(0, 0);
    round(scratch, text, at);
    into.xor(scratch.high, scratch.low);
    into.rotateLeft(27);
    into.multiply(p1High, p1Low);
    into.add(p4High, p4Low);
  }
  if (at + 4 <= length) {
    scratch.set(0, read32(text, at));
    scratch.multiply(p1High, p1Low);
    into.xor(scratch.high, scratch.low);
    into.rotateLeft(23);
    into.multiply(p2High, p2Low);
    into.add(p3High, p3Low);
    at += 4;
  }
  for (; at < length; at++) {
    scratch.set(0, text.charCodeAt(at));
    scratch.multiply(p5High, p5Low);
    into.xor(scratch.high, scratch.low);
    into.rotateLeft(11);
    into.multiply(p1High, p1Low);
  }
  into.xorShiftRight(33);
  into.multiply(p2High, p2Low);
  into.xorShiftRight(29);
  into.multiply(p3High, p3Low);
  into.xorShiftRight(32);
}

function round(lane: Word64, text: string, at: number): void {
  input.set(read32(text, at + 4), read32(text, at));
  input.multiply(p2High, p2Low);
  lane.add(input.high, input.low);
  lane.rotateLeft(31);
  lane.multiply(p1High, p1Low);
}

function addRotated(into: Word64, lane: Word64, bits: number): void {
  input.copy(lane);
  input.rotateLeft(bits);
  into.add(input.high, input.low);
}

function merge(into: Word64, lane: Word64): void {
  input.copy(lane);
  input.multiply(p2High, p2Low);
  input.rotateLeft(31);
  input.multiply(p1High, p1Low);
  into.xor(input.high, input.low);
  into.multiply(p1High, p1Low);
  into.add(p4High, p4Low);
}

function read32(text: string, at: number): number {
  return (
    text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}

const zero = new Word64();
const lane1 = new Word64();
const lane2 = new Word64();
const lane3 = new Word64();
const lane4 = new Word64();
const scratch = new Word64();
const input = new Word64();

// The primes of the specification, in halves.
const p1High = 0x9e3779b1;
const p1Low = 0x85ebca87;
const p2High = 0xc2b2ae3d;
const p2Low = 0x27d4eb4f;
const p3High = 0x165667b1;
const p3Low = 0x9e3779f9;
const p4High = 0x85ebca77;
const p4Low = 0xc2b2ae63;
const p5High = 0x27d4eb2f;
const p5Low = 0x165667c5;
