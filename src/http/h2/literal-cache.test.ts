import fc from "fast-check";
import { expect, test } from "vitest";
import { type FieldSink, HpackDecoder } from "./hpack-decoder.ts";
import { writeInteger } from "./hpack-encoder.ts";
import type { HpackField } from "./hpack-field.ts";
import { huffmanEncode } from "./huffman.ts";
import { literalCache } from "./literal-cache.ts";

class Fields implements FieldSink {
  isFull = false;
  readonly list: object[] = [];

  onField(field: HpackField, length: number): void {
    this.list.push({ ...field, length });
  }
}

/** Adds a literal: `index` 0 is a name of its own. */
function literal(bytes: Buffer, at: number, kind: number, index: number, name: string, value: Buffer): number {
  let end = writeInteger(bytes, at, kind, kind === 0x40 ? 0x3f : 0x0f, index);
  if (index === 0) end = string(bytes, end, Buffer.from(name, "latin1"));
  return string(bytes, end, value);
}

function string(bytes: Buffer, at: number, text: Buffer): number {
  const encoded = Buffer.alloc(text.length * 4 + 8);
  const length = huffmanEncode(text.toString("latin1"), encoded, 0, encoded.length);
  const isShorter = length < text.length;
  const end = writeInteger(bytes, at, isShorter ? 0x80 : 0, 0x7f, isShorter ? length : text.length);
  (isShorter ? encoded.subarray(0, length) : text).copy(bytes, end);
  return end + (isShorter ? length : text.length);
}

const field = fc.record({
  kind: fc.constantFrom(0x40, 0, 0x10),
  index: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 61 })),
  name: fc.oneof(fc.constantFrom("a", "x-b", "te", "Bad", "under_score"), fc.string({ maxLength: 20 })),
  value: fc.uint8Array({ maxLength: 130 }).map((value) => Buffer.from(value)),
});

test("a literal that came before is the same field, in any table", () => {
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 5 }), (fields) => {
      const bytes = Buffer.alloc(4000);
      let end = 0;
      for (const { kind, index, name, value } of fields) end = literal(bytes, end, kind, index, name, value);
      const decoder = new HpackDecoder(4096);
      let first: object[] | null = null;
      let size = 0;
      for (let i = 0; i < 5; i++) {
        const read = new Fields();
        expect(decoder.decode(bytes, 0, end, read)).toBe(true);
        first ??= read.list;
        expect(read.list).toEqual(first);
        const other = new HpackDecoder(4096);
        other.decode(bytes, 0, end, new Fields());
        if (i === 0) size = other.tableSize;
        expect(other.tableSize).toBe(size);
      }
    }),
  );
});

test("what is never to be indexed is not kept, nor what comes once", () => {
  const decode = (kind: number, value: string) => {
    const bytes = Buffer.alloc(200);
    const end = literal(bytes, 0, kind, 0, "x-kept", Buffer.from(value));
    new HpackDecoder(4096).decode(bytes, 0, end, new Fields());
    return literalCache.find(0, bytes, 1, end);
  };
  for (let i = 0; i < 4; i++) expect(decode(0x10, "secret")).toBeNull();
  expect(decode(0, "once")).toBeNull();
  decode(0, "twice");
  expect(decode(0, "twice")).toMatchObject({ name: "x-kept", value: "twice" });
});
