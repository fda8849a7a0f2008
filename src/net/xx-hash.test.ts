import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { murmurHash2 } from "./murmur-hash.ts";
import { Word64 } from "./word64.ts";
import { xxHash64 } from "./xx-hash.ts";

const hex = (word: Word64): string => asBigInt(word).toString(16).padStart(16, "0");

describe("xxHash64 gives the specification's values", () => {
  // Its reference test vectors: bytes 0..n-1 of its generator, and well-known strings.
  const cases: [string, string][] = [
    ["", "ef46db3751d8e999"],
    ["a", "d24ec4f1a98c6e5b"],
    ["as", "1c330fb2d66be179"],
    ["asd", "631c37ce72a97393"],
    ["asdf", "415872f599cea71e"],
    ["Call me Ishmael. Some years ago--never mind how long precisely-", "02a2e85470d6fd96"],
  ];
  for (const [text, expected] of cases) {
    test(JSON.stringify(text), () => {
      const into = new Word64();
      xxHash64(text, into);
      expect(hex(into)).toBe(expected);
    });
  }
});

test("murmurHash2 gives what GCC's std::hash gives", () => {
  // Of std::hash<std::string> of g++ 12 on x86-64.
  const cases: [string, bigint][] = [
    ["test", 15118982290295364091n],
    ["test string", 17501990266695761029n],
    ["abcdefghijklm", 12344169945577616208n],
    ["", 6142509188972423790n],
  ];
  for (const [text, expected] of cases) {
    const into = new Word64();
    murmurHash2(text, into);
    expect([text, asBigInt(into)]).toEqual([text, expected]);
  }
});

test("Word64 counts as BigInt.asUintN(64) does", () => {
  const half = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(half, half, half, half, fc.integer({ min: 1, max: 31 }), (ah, al, bh, bl, bits) => {
      const [a, b] = [(BigInt(ah) << 32n) | BigInt(al), (BigInt(bh) << 32n) | BigInt(bl)];
      const after = (change: (word: Word64) => void): bigint => {
        const word = new Word64();
        word.set(ah, al);
        change(word);
        return asBigInt(word);
      };
      const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
      const n = BigInt(bits);
      expect(after((word) => word.add(bh, bl))).toBe(wrap(a + b));
      expect(after((word) => word.multiply(bh, bl))).toBe(wrap(a * b));
      expect(after((word) => word.rotateLeft(bits))).toBe(wrap((a << n) | (a >> (64n - n))));
      expect(after((word) => word.xorShiftRight(bits))).toBe(a ^ (a >> n));
      expect(after((word) => word.xorShiftRight(bits + 32))).toBe(a ^ (a >> (n + 32n)));
      const word = new Word64();
      word.set(ah, al);
      expect(word.modulo(bl + 1)).toBe(Number(a % BigInt(bl + 1)));
      expect(Math.sign(word.compare(bh | 0, bl | 0))).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
  );
});

function asBigInt(word: Word64): bigint {
  return (BigInt(word.high >>> 0) << 32n) | BigInt(word.low >>> 0);
}
