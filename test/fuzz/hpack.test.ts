import { once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ClientSocket, TestShared } from "../../src/http/h2/h2-sockets.ts";
import { type FieldSink, HpackDecoder } from "../../src/http/h2/hpack-decoder.ts";
import type { HpackField } from "../../src/http/h2/hpack-field.ts";
import { type HeaderBlock, RequestHead } from "../../src/http/header-block.ts";
import { captures, mutated, runs } from "./mutate.ts";

// HPACK: recorded header blocks, changed, and round trips of our client's side with node:http2.

class Fields implements FieldSink {
  readonly isFull: boolean;
  readonly sizes: number[] = [];
  readonly lines: string[] = [];

  constructor(isFull: boolean) {
    this.isFull = isFull;
  }

  onField(field: HpackField, length: number): void {
    this.sizes.push(length);
    if (!this.isFull) this.lines.push(`${field.name}: ${field.value}`);
  }
}

const blocks = [...captures("http2Requests"), ...captures("http2Responses")].flatMap(headerBlocks);
const words = ["3fe11f", "20", "3f00", "be", "ff00", "80", "7f", "0085aec1cd48ff", "8a", "0161"].map((hex) =>
  Buffer.from(hex, "hex"),
);

test("any blocks: no throw, a table within its size, and the same table when nobody wants the fields", () => {
  const block = mutated(
    blocks.map((bytes) => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))),
    words,
  );
  fc.assert(
    fc.property(fc.array(block, { maxLength: 8 }), fc.nat(4096), (list, tableSize) => {
      const [wanted, unwanted] = [new HpackDecoder(tableSize), new HpackDecoder(tableSize)];
      for (const bytes of list) {
        const [read, skipped] = [new Fields(false), new Fields(true)];
        const isGood = wanted.decode(bytes, 0, bytes.length, read);
        expect(unwanted.decode(bytes, 0, bytes.length, skipped)).toBe(isGood);
        expect(wanted.tableSize).toBeLessThanOrEqual(Math.max(4096, tableSize));
        if (!isGood) return;
        expect(unwanted.tableSize).toBe(wanted.tableSize);
        expect(skipped.sizes).toEqual(read.sizes);
        // Huffman's shortest codes have five bits.
        for (const line of read.lines) expect(line.length).toBeLessThanOrEqual(2 + 4096 + (bytes.length * 8) / 5);
      }
    }),
    runs(3000),
  );
});

test("recorded blocks are read", () => {
  for (const connection of [...captures("http2Requests"), ...captures("http2Responses")]) {
    const decoder = new HpackDecoder(4096);
    for (const bytes of headerBlocks(connection)) {
      const fields = new Fields(false);
      expect(decoder.decode(bytes, 0, bytes.length, fields)).toBe(true);
      expect(fields.lines.length).toBeGreaterThan(0);
    }
  }
});

test("any fields go through our HPACK to node:http2's and back", async () => {
  const server = http2.createServer({ settings: { headerTableSize: 777 } });
  server.on("stream", (stream: http2.ServerHttp2Stream, fields) => {
    const own = Object.entries(fields).filter(([name]) => name.startsWith("x-"));
    stream.respond({ ":status": 200, ...Object.fromEntries(own) }, { endStream: true });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = new ClientSocket(new TestShared({ maxHeaders: 1000 }), (server.address() as AddressInfo).port);
  const value = fc.oneof(
    fc.constantFrom("", "gzip", "text/html; charset=utf-8", "0", "\xe9\xff"),
    fc.stringMatching(/^[!-~]([ -~]{0,80}[!-~])?$/),
    fc.stringMatching(/^[\x80-\xff]{1,40}$/),
  );
  const fields = fc.dictionary(fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^`|~-]{1,12}$/), value, { maxKeys: 30 });
  try {
    await fc.assert(
      fc.asyncProperty(fields, async (sent) => {
        const received = await new Promise<Record<string, string>>((resolve, reject) => {
          const stream = client.codec.newStream({
            onHead: (head) => resolve(fieldsOf(head)),
            onData() {},
            onTrailers() {},
            onReset: (reason, detail) => reject(new Error(`${reason} ${detail}`)),
            onWritable() {},
          });
          const head = new RequestHead();
          head.method = "GET";
          head.path = "/";
          head.authority = "a";
          for (const [name, text] of Object.entries(sent)) head.append(name, text);
          stream.writeHead(head, true);
        });
        for (const [name, text] of Object.entries(sent)) expect(received[name]).toBe(text);
      }),
      runs(400),
    );
  } finally {
    client.socket.destroy();
    server.close();
  }
});

function fieldsOf(block: HeaderBlock): Record<string, string> {
  return Object.fromEntries(block.names.slice(0, block.size).map((name, i) => [name, block.values[i] ?? ""]));
}

/** The blocks of HEADERS frames, which recorded peers send whole. */
function headerBlocks(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = bytes.subarray(0, 3).toString() === "PRI" ? 24 : 0; at < bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    const flags = bytes[at + 4] as number;
    const padding = (flags & 8) === 0 ? 0 : (bytes[at + 9] as number);
    const start = at + 9 + ((flags & 8) === 0 ? 0 : 1) + ((flags & 32) === 0 ? 0 : 5);
    if (bytes[at + 3] === 1) found.push(bytes.subarray(start, end - padding));
    at = end;
  }
  return found;
}
