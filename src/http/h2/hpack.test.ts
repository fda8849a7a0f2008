import fc from "fast-check";
import { expect, test } from "vitest";
import { type FieldSink, HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder, writeInteger } from "./hpack-encoder.ts";
import type { HpackField } from "./hpack-field.ts";
import { huffmanDecode, huffmanEncode, huffmanLength } from "./huffman.ts";

class Fields implements FieldSink {
  isFull = false;
  lines: string[] = [];

  onField(field: HpackField): void {
    this.lines.push(`${field.name}: ${field.value}`);
  }
}

function decode(decoder: HpackDecoder, hex: string): string[] | null {
  const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
  const fields = new Fields();
  return decoder.decode(bytes, 0, bytes.length, fields) ? fields.lines : null;
}

// RFC 7541 appendix C: blocks of one connection in turn, what they say, and the table's size behind each.
const firstRequests: [string[], number][] = [
  [[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"], 57],
  [[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"], 110],
  [
    [":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"],
    164,
  ],
];
const location = "location: https://www.example.com";
const date = "date: Mon, 21 Oct 2013 20:13:21 GMT";
const responses: [string[], number][] = [
  [[":status: 302", "cache-control: private", date, location], 222],
  [[":status: 307", "cache-control: private", date, location], 222],
  [
    [
      ":status: 200",
      "cache-control: private",
      "date: Mon, 21 Oct 2013 20:13:22 GMT",
      location,
      "content-encoding: gzip",
      "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ],
    215,
  ],
];
const sequences = [
  {
    name: "C.3 requests without Huffman",
    tableSize: 4096,
    blocks: [
      "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "8286 84be 5808 6e6f 2d63 6163 6865",
      "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    expected: firstRequests,
  },
  {
    name: "C.4 requests with Huffman",
    tableSize: 4096,
    blocks: [
      "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
      "8286 84be 5886 a8eb 1064 9cbf",
      "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
    expected: firstRequests,
  },
  {
    name: "C.5 responses without Huffman",
    tableSize: 256,
    blocks: [
      "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "4803 3330 37c1 c0bf",
      "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
    ],
    expected: responses,
  },
  {
    name: "C.6 responses with Huffman",
    tableSize: 256,
    blocks: [
      "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
      "4883 640e ffc1 c0bf",
      "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ],
    expected: responses,
  },
];

for (const sequence of sequences) {
  test(`RFC 7541 appendix ${sequence.name}`, () => {
    const decoder = new HpackDecoder(sequence.tableSize);
    // The examples have the table's size agreed beforehand.
    if (sequence.tableSize !== 4096) expect(decode(decoder, "3fe101")).toEqual([]);
    for (const [i, block] of sequence.blocks.entries()) {
      expect(decode(decoder, block)).toEqual(sequence.expected[i]?.[0]);
      expect(decoder.tableSize).toBe(sequence.expected[i]?.[1]);
    }
  });
}

test("RFC 7541 appendix C.1: integers", () => {
  const bytes = Buffer.alloc(8);
  expect(bytes.subarray(0, writeInteger(bytes, 0, 0, 0x1f, 10)).toString("hex")).toBe("0a");
  expect(bytes.subarray(0, writeInteger(bytes, 0, 0, 0x1f, 1337)).toString("hex")).toBe("1f9a0a");
  expect(bytes.subarray(0, writeInteger(bytes, 0, 0, 0xff, 42)).toString("hex")).toBe("2a");
});

test("RFC 7541 appendix C.2: one field each", () => {
  const decoder = new HpackDecoder(4096);
  expect(decode(decoder, "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572")).toEqual([
    "custom-key: custom-header",
  ]);
  expect(decoder.tableSize).toBe(55);
  expect(decode(decoder, "040c 2f73 616d 706c 652f 7061 7468")).toEqual([":path: /sample/path"]);
  expect(decode(decoder, "1008 7061 7373 776f 7264 0673 6563 7265 74")).toEqual(["password: secret"]);
  expect(decode(decoder, "82")).toEqual([":method: GET"]);
  expect(decoder.tableSize).toBe(55);
});

const huffmanStrings: [string, string][] = [
  ["www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"],
  ["no-cache", "a8eb10649cbf"],
  ["custom-key", "25a849e95ba97d7f"],
  ["Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"],
  ["https://www.example.com", "9d29ad171863c78f0b97c8e9ae82ae43d3"],
];
for (const [text, hex] of huffmanStrings) {
  test(`Huffman: ${text}`, () => {
    const bytes = Buffer.alloc(64);
    expect(huffmanLength(text)).toBe(hex.length / 2);
    expect(bytes.subarray(0, huffmanEncode(text, bytes, 0, bytes.length)).toString("hex")).toBe(hex);
  });
}

test("Huffman: any Latin-1 string comes back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (raw) => {
      const text = Buffer.from(raw).latin1Slice();
      const encoded = Buffer.alloc(huffmanLength(text) + 1, 0xaa);
      expect(huffmanEncode(text, encoded, 0, encoded.length)).toBe(encoded.length - 1);
      expect(encoded.at(-1)).toBe(0xaa);
      const out = Buffer.alloc(400);
      expect(out.latin1Slice(0, huffmanDecode(encoded, 0, encoded.length - 1, out))).toBe(text);
    }),
  );
});

test("Huffman: what is not shorter than the limit is given up, and nothing written far behind it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(80), (raw, limit) => {
      const text = Buffer.from(raw).latin1Slice();
      const encoded = Buffer.alloc(400, 0xaa);
      expect(huffmanEncode(text, encoded, 0, limit)).toBe(Math.min(limit, huffmanLength(text)));
      expect(encoded.subarray(limit + 5).every((byte) => byte === 0xaa)).toBe(true);
    }),
  );
});

const broken: [string, string][] = [
  ["index 0", "80"],
  ["an index outside the tables", "c8"],
  ["an index that never ends", "ffffffffffffffffffffff"],
  ["a string longer than the block", "00056162"],
  ["a value that is missing", "000161"],
  ["a string's length cut", "0001617f"],
  ["a table size above the limit", "3fe2ffff7f"],
  ["a table size behind a field", "8220"],
  ["Huffman: EOS", "000161 84ffffffff"],
  ["Huffman: padding of eight bits", "000161 82 f1ff"],
  ["Huffman: padding of zeros", "000161 81 f0"],
];
for (const [name, hex] of broken) {
  test(`COMPRESSION_ERROR: ${name}`, () => expect(decode(new HpackDecoder(4096), hex)).toBeNull());
}

test("a smaller table must be taken over once the peer knows of it", () => {
  const decoder = new HpackDecoder(100);
  expect(decode(decoder, "400161026263")).toEqual(["a: bc"]);
  decoder.onSettingsAcknowledged();
  expect(decode(decoder, "82")).toBeNull();
  const obedient = new HpackDecoder(100);
  obedient.onSettingsAcknowledged();
  expect(decode(obedient, "3f45 82")).toEqual([":method: GET"]);
});

const encodedNames = [":status", ":path", "x-a", "x-b", "x-request-id", "cookie", "authorization", "content-type"];
test("what the encoder writes the decoder reads, through any table sizes", () => {
  const field = fc.tuple(
    fc.constantFrom(...encodedNames),
    fc.oneof(fc.constantFrom("", "200", "404", "a", "abcdefghijklmnopqrstuvwxyz"), fc.string({ maxLength: 60 })),
  );
  const block = fc.record({ size: fc.option(fc.nat(5000)), fields: fc.array(field, { maxLength: 12 }) });
  fc.assert(
    fc.property(fc.array(block, { maxLength: 20 }), fc.boolean(), (blocks, huffman) => {
      const encoder = new HpackEncoder(4096, huffman);
      const decoder = new HpackDecoder(4096);
      for (const { size, fields } of blocks) {
        if (size !== null) encoder.setPeerTableSize(size);
        const bytes = Buffer.alloc(2000);
        let at = encoder.startBlock(bytes, 0);
        for (const [name, value] of fields) at = encoder.encode(name, value, bytes, at);
        const read = new Fields();
        expect(decoder.decode(bytes, 0, at, read)).toBe(true);
        expect(read.lines).toEqual(fields.map(([name, value]) => `${name}: ${value}`));
      }
    }),
  );
});

test("a head that repeats is one byte a field, credentials apart", () => {
  const encoder = new HpackEncoder(4096, true);
  const bytes = Buffer.alloc(500);
  const fields = [":status: 200", "content-type: text/html", "x-id: abc", "server: envoy"].map((line) =>
    line.split(": "),
  );
  const sizes = [0, 0, 0].map(() => {
    let at = 0;
    for (const [name = "", value = ""] of fields) at = encoder.encode(name, value, bytes, at);
    return at;
  });
  expect(sizes[2]).toBe(4);
  for (let i = 0; i < 3; i++) {
    encoder.encode("authorization", "Basic abc", bytes, 0);
    expect((bytes[0] as number) & 0xf0).toBe(0x10);
    encoder.encode("cookie", "a=1", bytes, 0);
    expect((bytes[0] as number) & 0xf0).toBe(0x10);
  }
});
