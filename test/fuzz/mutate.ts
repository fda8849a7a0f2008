import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";

// What real peers sent, changed a little: far more of it reaches the depths of a parser than of noise.
// FUZZ_SEED=… tries other inputs than the kept ones, FUZZ_FACTOR=… that many times more.

/** What curl, nghttp, openssl, node and Envoy sent, as it was recorded. */
export type CaptureKind = "http1Requests" | "http1Responses" | "http2Requests" | "http2Responses" | "clientHellos";

export function captures(kind: CaptureKind): Buffer[] {
  return recorded[kind].map(({ hex }) => Buffer.from(hex, "hex"));
}

/** Parameters of a property that gives the same inputs each time. */
export function runs(numRuns: number): { numRuns: number; seed: number } {
  const { FUZZ_FACTOR = "1", FUZZ_SEED = "20261125" } = process.env;
  return { numRuns: numRuns * Number(FUZZ_FACTOR), seed: Number(FUZZ_SEED) };
}

/** Inputs of which each is one of these in pieces, some of them changed, moved, repeated or left out; `words` are put in. */
export function mutated(inputs: readonly (readonly Buffer[])[], words: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const pieces = inputs.flat();
  const place = fc.nat(1 << 20);
  const change = fc.record({
    kind: fc.constantFrom(...changeKinds),
    at: place,
    to: place,
    byte: fc.nat(255),
    word: fc.constantFrom(...words),
    other: fc.nat(pieces.length - 1),
  });
  return fc.tuple(fc.constantFrom(...inputs), fc.array(change, { maxLength: 6 })).map(([input, changes]) => {
    const list = [...input];
    for (const one of changes) apply(list, one, pieces);
    return Buffer.concat(list).subarray(0, maxBytes);
  });
}

/** A few places to cut an input at; see cutAt. */
export const places: fc.Arbitrary<number[]> = fc.array(fc.nat(1 << 20), { minLength: 1, maxLength: 5 });

/** The input whole, byte by byte, and cut at random places. */
export function waysToCut(bytes: Buffer, cuts: readonly number[]): Buffer[][] {
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const random = [0, ...ends].map((from, i) => bytes.subarray(from, ends[i] ?? bytes.length));
  return [[bytes], Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)), random];
}

interface Change {
  kind: (typeof changeKinds)[number];
  at: number;
  to: number;
  byte: number;
  word: Buffer;
  other: number;
}

function apply(list: Buffer[], { kind, at, to, byte, word, other }: Change, pieces: readonly Buffer[]): void {
  const i = at % Math.max(1, list.length);
  const piece = Buffer.from(list[i] ?? "");
  const from = to % (piece.length + 1);
  switch (kind) {
    case "set":
      if (from < piece.length) piece[from] = byte;
      list[i] = piece;
      return;
    case "flip":
      if (from < piece.length) piece[from] = (piece[from] as number) ^ (1 << (byte & 7));
      list[i] = piece;
      return;
    case "insert":
      list[i] = Buffer.concat([piece.subarray(0, from), word, piece.subarray(from)]);
      return;
    case "cut":
      list[i] = Buffer.concat([piece.subarray(0, from), piece.subarray(from + 1 + (byte & 7))]);
      return;
    case "truncate":
      list.splice(i);
      list.push(piece.subarray(0, from));
      return;
    case "remove":
      list.splice(i, 1);
      return;
    case "repeat":
      list.splice(i, 0, ...Array.from({ length: 1 + (byte & 3) }, () => piece));
      return;
    case "move":
      list.splice(i, 1);
      list.splice(to % (list.length + 1), 0, piece);
      return;
    case "mix":
      list.splice(i, 0, pieces[other] as Buffer);
  }
}

const changeKinds = ["set", "flip", "insert", "cut", "truncate", "remove", "repeat", "move", "mix"] as const;
const maxBytes = 4096;
const recorded = JSON.parse(readFileSync(join(import.meta.dirname, "captures.json"), "utf8")) as Record<
  CaptureKind,
  { name: string; hex: string }[]
>;
