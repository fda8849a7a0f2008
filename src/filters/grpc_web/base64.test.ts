import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Base64Decoder, Base64FrameEncoder } from "./base64.ts";

function decode(pieces: readonly string[]): string {
  const decoder = new Base64Decoder();
  let out = "";
  for (const [i, piece] of pieces.entries()) {
    const decoded = decoder.decode(Buffer.from(piece, "latin1"), i === pieces.length - 1);
    if (typeof decoded === "string") return `error: ${decoded}`;
    out += decoded.latin1Slice();
  }
  return out;
}

describe("decoding", () => {
  const cases: { name: string; pieces: string[]; gives: string }[] = [
    { name: "nothing", pieces: [""], gives: "" },
    { name: "whole groups", pieces: ["aGVsbG8h"], gives: "hello!" },
    { name: "one =", pieces: ["aGk="], gives: "hi" },
    { name: "two ==", pieces: ["aA=="], gives: "h" },
    { name: "cut inside of groups", pieces: ["a", "GV", "sbG8", "h", ""], gives: "hello!" },
    { name: "an open group at the end", pieces: ["aGVs", "bG"], gives: "error: size" },
    { name: "padding between messages of one piece", pieces: ["aA==aA=="], gives: "error: data" },
    { name: "padding between pieces", pieces: ["aA==", "aA=="], gives: "hh" },
    { name: "the alphabet of URLs", pieces: ["_-__"], gives: "error: data" },
    { name: "blanks", pieces: ["aG k"], gives: "error: data" },
    { name: "bits that no byte has", pieces: ["aGl="], gives: "error: data" },
    { name: "only padding", pieces: ["===="], gives: "error: data" },
    { name: "three of padding", pieces: ["a==="], gives: "error: data" },
  ];
  for (const { name, pieces, gives } of cases) test(name, () => expect(decode(pieces)).toBe(gives));
});

const frame = (body: Uint8Array, flag = 0): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
};

test("each message is padded by itself, however the body is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 12 })), fc.integer({ min: 1, max: 9 }), (bodies, cut) => {
      const frames = bodies.map((body) => frame(body));
      const all = Buffer.concat(frames);
      const encoder = new Base64FrameEncoder();
      let text = "";
      for (let at = 0; at < all.length; at += cut) text += encoder.encode(all.subarray(at, at + cut)).latin1Slice();
      expect(text + encoder.flush().latin1Slice()).toBe(frames.map((one) => one.toString("base64")).join(""));
    }),
  );
});

test("a message that was cut short can be decoded as far as it came", () => {
  const encoder = new Base64FrameEncoder();
  const cut = frame(Buffer.from("hello")).subarray(0, 7);
  const text = encoder.encode(cut).latin1Slice() + encoder.flush().latin1Slice();
  expect(Buffer.from(text, "base64")).toEqual(cut);
});
