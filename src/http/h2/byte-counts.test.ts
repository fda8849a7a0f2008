import { expect, test } from "vitest";
import { ByteCounts } from "../byte-counts.ts";
import type { RequestSink, ResponseSink } from "../codec.ts";
import { HeaderBlock, RequestHead, ResponseHead } from "../header-block.ts";
import { Http2ClientCodec, type Http2ClientStream } from "./client-codec.ts";
import { FrameType, frameHeaderSize } from "./frames.ts";
import { TestShared } from "./h2-sockets.ts";
import { Http2ServerCodec, type Http2ServerStream } from "./server-codec.ts";

const sizes = [0, 1, 1000, 16_384, 50_000];
const valueSizes = [1, 40_000];

for (const size of sizes) {
  for (const valueSize of valueSizes) {
    test(`a body of ${size} bytes, a field of ${valueSize} and trailers count as the frames that carry them`, () => {
      const wire = new Wire();
      wire.exchange(size, valueSize);
      const { up, down, client, server } = wire;
      expect([client.wireSent, client.headerSent]).toEqual([up.heads + up.data, up.heads]);
      expect([server.wireReceived, server.headerReceived]).toEqual([up.heads + up.data, up.heads]);
      expect([server.wireSent, server.headerSent]).toEqual([down.heads + down.data, down.heads]);
      expect([client.wireReceived, client.headerReceived]).toEqual([down.heads + down.data, down.heads]);
      const request = ":methodPOST:schemehttp:path/:authoritya.testx-vx-t1".length + valueSize;
      const response = ":status200x-vx-t1".length + valueSize;
      expect([client.decompressedSent, server.decompressedReceived]).toEqual([request, request]);
      expect([server.decompressedSent, client.decompressedReceived]).toEqual([response, response]);
    });
  }
}

test("what waits for the client's window when the answer is whole is counted at once", () => {
  const wire = new Wire();
  wire.exchange(100_000, 1, false);
  expect(wire.down.data).toBeLessThan(100_000);
  // Seven frames.
  expect(wire.server.wireSent - wire.server.headerSent).toBe(100_000 + 7 * frameHeaderSize);
});

/** Two codecs and the frames between them, added up by what they are. */
class Wire {
  readonly up = { heads: 0, data: 0 };
  readonly down = { heads: 0, data: 0 };
  readonly client = new ByteCounts();
  readonly server = new ByteCounts();
  readonly #shared = new TestShared({ streamWindow: 65_535, maxHeadBytes: 100_000, maxFieldBytes: 100_000 });
  #writer: Http2ServerStream | null = null;

  /** A request and its response with that body each, and trailers if `isWhole`; else the client reads only what its window takes. */
  exchange(size: number, valueSize: number, isWhole = true): void {
    const client = new Http2ClientCodec(this.#shared, callbacks, 1 << 20);
    const accept = (writer: Http2ServerStream): RequestSink => {
      writer.bytes = this.server;
      this.#writer = writer;
      return deaf;
    };
    const server = new Http2ServerCodec(this.#shared, { ...callbacks, newStream: accept }, 1 << 20);
    client.open();
    const settle = (): void => {
      while (move(this.#shared, client, server, this.up) || move(this.#shared, server, client, this.down));
    };
    settle();
    const stream = client.newStream(deaf);
    stream.bytes = this.client;
    const request = new RequestHead();
    request.method = "POST";
    request.path = "/";
    request.authority = "a.test";
    request.append("x-v", "v".repeat(valueSize));
    stream.writeHead(request, false);
    write(stream, isWhole ? size : 0, isWhole);
    settle();
    const writer = this.#writer as Http2ServerStream | null;
    const response = new ResponseHead();
    response.status = 200;
    response.append("x-v", "v".repeat(valueSize));
    writer?.writeHead(response, false);
    if (!isWhole) stream.pauseReading();
    if (writer !== null) write(writer, size, isWhole);
    settle();
  }
}

function write(writer: Http2ClientStream | Http2ServerStream, size: number, hasTrailers: boolean): void {
  if (size > 0) writer.writeData(Buffer.alloc(size, 97), !hasTrailers);
  if (!hasTrailers) return;
  const trailers = new HeaderBlock();
  trailers.append("x-t", "1");
  writer.writeTrailers(trailers);
}

type Codec = Http2ClientCodec | Http2ServerCodec;

function move(shared: TestShared, from: Codec, to: Codec, sums: { heads: number; data: number }): boolean {
  const pieces: Buffer[] = [];
  for (let piece = from.takeOutput(); piece !== null; piece = from.takeOutput()) {
    pieces.push(Buffer.from(piece.chunk.subarray(0, piece.length)));
    shared.chunks.give(piece.chunk);
  }
  from.onDrain();
  const bytes = Buffer.concat(pieces);
  for (let at = bytes.subarray(0, 3).toString() === "PRI" ? 24 : 0; at < bytes.length; ) {
    const length = bytes.readUIntBE(at, 3) + frameHeaderSize;
    const type = bytes[at + 3];
    if (type === FrameType.data) sums.data += length;
    if (type === FrameType.headers || type === FrameType.continuation) sums.heads += length;
    at += length;
  }
  to.feed(bytes, bytes.length);
  return bytes.length > 0;
}

const nothing = (): void => {};
const callbacks = {
  onOutput: nothing,
  flush: nothing,
  pauseInput: nothing,
  resumeInput: nothing,
  onConnectionError: (_code: number, detail: string): void => {
    throw new Error(detail);
  },
  onGoAway: nothing,
  onPingAck: nothing,
  onSettings: nothing,
  onStreamClosed: nothing,
};
const deaf: RequestSink & ResponseSink = {
  onHead: nothing,
  onData: nothing,
  onTrailers: nothing,
  onReset: nothing,
  onWritable: nothing,
};
