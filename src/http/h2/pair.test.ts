import fc from "fast-check";
import { expect, test } from "vitest";
import type { RequestSink, ResponseSink } from "../codec.ts";
import { HeaderBlock, RequestHead, ResponseHead } from "../header-block.ts";
import { Http2ClientCodec, type Http2ClientStream } from "./client-codec.ts";
import { TestShared } from "./h2-sockets.ts";
import { Http2ServerCodec, type Http2ServerStream } from "./server-codec.ts";
import type { Http2Options } from "./settings.ts";

/** One direction of one exchange. */
class Direction {
  sent = "";
  received = "";
  isEndSent = false;
  isEndReceived = false;
  pauses = 0;
  /** Told false and not yet told to go on. */
  isStopped = false;
}

class Exchange {
  readonly up = new Direction();
  readonly down = new Direction();
  client: Http2ClientStream | null = null;
  server: Http2ServerStream | null = null;
  isReset = false;
}

/** A client's and a server's codec, and bytes between them that move when told. */
class Pair {
  readonly shared: TestShared;
  readonly client: Http2ClientCodec;
  readonly server: Http2ServerCodec;
  readonly exchanges: Exchange[] = [];
  readonly errors: string[] = [];
  #up: Buffer = Buffer.alloc(0);
  #down: Buffer = Buffer.alloc(0);
  #byte = 0;

  constructor(options: Partial<Http2Options>, watermark: number) {
    this.shared = new TestShared({ ...options, streamResetBurst: 10_000 });
    const callbacks = {
      onOutput: (): void => {},
      flush: (): void => {},
      pauseInput: (): void => {},
      resumeInput: (): void => {},
      onConnectionError: (code: number, detail: string): void => {
        this.errors.push(`${code} ${detail}`);
      },
      onGoAway: (): void => {},
      onPingAck: (): void => {},
      onSettings: (): void => {},
      onStreamClosed: (): void => {},
    };
    this.client = new Http2ClientCodec(this.shared, callbacks, watermark);
    this.server = new Http2ServerCodec(
      this.shared,
      { ...callbacks, newStream: (writer) => this.#accept(writer) },
      watermark,
    );
    this.client.open();
  }

  open(): void {
    if (!this.client.canOpen) return;
    const exchange = new Exchange();
    this.exchanges.push(exchange);
    exchange.client = this.client.newStream(this.#sink(exchange, exchange.down, () => exchange.client?.rest()));
    const head = new RequestHead();
    head.method = "POST";
    head.path = `/${this.exchanges.length - 1}`;
    head.authority = "a.test";
    exchange.client.writeHead(head, false);
  }

  #accept(writer: Http2ServerStream): RequestSink {
    let exchange = new Exchange();
    const inner = (): RequestSink & ResponseSink => this.#sink(exchange, exchange.up, () => writer.rest());
    return {
      onHead: (head) => {
        exchange = this.exchanges[Number(head.path.slice(1))] as Exchange;
        exchange.server = writer;
        const response = new ResponseHead();
        response.status = 200;
        writer.writeHead(response, false);
      },
      onData: (bytes, endStream) => inner().onData(bytes, endStream),
      onTrailers: (trailers) => inner().onTrailers(trailers),
      onReset: (reason, detail) => inner().onReset(reason, detail),
      onWritable: () => {
        exchange.down.isStopped = false;
      },
    };
  }

  #sink(exchange: Exchange, direction: Direction, rest: () => void): RequestSink & ResponseSink {
    return {
      onHead: () => {},
      onData: (bytes, endStream) => {
        if (direction.pauses > 0) this.errors.push("data while paused");
        if (direction.isEndReceived) this.errors.push("data after the end");
        direction.received += bytes.latin1Slice();
        if (endStream) direction.isEndReceived = true;
      },
      onTrailers: (trailers) => {
        if (direction.pauses > 0) this.errors.push("trailers while paused");
        expect(trailers.find("x-t")).toBe("1");
        direction.isEndReceived = true;
      },
      onReset: () => {
        exchange.isReset = true;
        rest();
      },
      onWritable: () => {
        exchange.up.isStopped = false;
      },
    };
  }

  write(exchange: Exchange, isUp: boolean, size: number, end: "no" | "data" | "trailers"): void {
    const direction = isUp ? exchange.up : exchange.down;
    const writer = isUp ? exchange.client : exchange.server;
    if (writer === null || direction.isEndSent || direction.isStopped || exchange.isReset) return;
    const bytes = Buffer.alloc(size, 97 + (this.#byte++ % 26));
    direction.sent += bytes.latin1Slice();
    direction.isEndSent = end !== "no";
    direction.isStopped = !writer.writeData(bytes, end === "data");
    if (end !== "trailers") return;
    const trailers = new HeaderBlock();
    trailers.append("x-t", "1");
    writer.writeTrailers(trailers);
  }

  pause(exchange: Exchange, isUp: boolean): void {
    const direction = isUp ? exchange.up : exchange.down;
    const reader = isUp ? exchange.server : exchange.client;
    if (reader === null) return;
    direction.pauses++;
    reader.pauseReading();
  }

  resume(exchange: Exchange, isUp: boolean): void {
    const direction = isUp ? exchange.up : exchange.down;
    const reader = isUp ? exchange.server : exchange.client;
    if (reader === null || direction.pauses === 0) return;
    direction.pauses--;
    reader.resumeReading();
  }

  reset(exchange: Exchange, isClient: boolean): void {
    const writer = isClient ? exchange.client : exchange.server;
    if (writer === null) return;
    exchange.isReset = true;
    writer.reset("local_reset");
  }

  /** Moves at most `bytes` each way. */
  move(bytes: number): boolean {
    this.#up = Buffer.concat([this.#up, ...this.#take(this.client)]);
    this.#down = Buffer.concat([this.#down, ...this.#take(this.server)]);
    const up = this.#up.subarray(0, bytes);
    const down = this.#down.subarray(0, bytes);
    this.#up = this.#up.subarray(bytes);
    this.#down = this.#down.subarray(bytes);
    this.server.feed(Buffer.from(up), up.length);
    this.client.feed(Buffer.from(down), down.length);
    return up.length + down.length > 0;
  }

  #take(codec: Http2ClientCodec | Http2ServerCodec): Buffer[] {
    const pieces: Buffer[] = [];
    for (let piece = codec.takeOutput(); piece !== null; piece = codec.takeOutput()) {
      pieces.push(Buffer.from(piece.chunk.subarray(0, piece.length)));
      this.shared.chunks.give(piece.chunk);
    }
    codec.onDrain();
    return pieces;
  }

  async settle(): Promise<void> {
    for (let isMoving = true; isMoving; ) {
      isMoving = this.move(1 << 20);
      await Promise.resolve();
      isMoving = this.move(1 << 20) || isMoving || this.client.outputBytes + this.server.outputBytes > 0;
    }
  }
}

const which = fc.nat(7);
const size = fc.oneof(fc.nat(10), fc.constantFrom(0, 999, 1000, 16384, 16385, 40_000), fc.nat(70_000));
const operation = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: "open" as const, isSettled: true }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      isSettled: fc.boolean(),
      at: which,
      isUp: fc.boolean(),
      size,
      end: fc.constantFrom("no" as const, "no" as const, "no" as const, "data" as const, "trailers" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("pause" as const),
      isSettled: fc.boolean(),
      at: which,
      isUp: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("resume" as const),
      isSettled: fc.boolean(),
      at: which,
      isUp: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("reset" as const),
      isSettled: fc.boolean(),
      at: which,
      isUp: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("move" as const),
      isSettled: fc.boolean(),
      bytes: fc.constantFrom(1, 30, 1000, 20_000, 200_000),
    }),
  },
);
const options = fc.record({
  streamWindow: fc.constantFrom(100, 1000, 20_000, 65_535, 100_000),
  connectionWindow: fc.constantFrom(65_535, 100_000),
  maxConcurrentStreams: fc.constantFrom(2, 100),
  hpackTableSize: fc.constantFrom(0, 100, 4096),
});

test("two codecs in any order of events: all bytes arrive, once, in order, and all windows are given back", async () => {
  await fc.assert(
    fc.asyncProperty(
      options,
      fc.constantFrom(1, 5000, 65_536),
      fc.array(operation, { maxLength: 80, size: "max" }),
      async (o, watermark, operations) => {
        const pair = new Pair(o, watermark);
        for (let i = 0; i < 4; i++) pair.open();
        await pair.settle();
        for (const step of operations) {
          if (step.kind === "open") pair.open();
          else if (step.kind === "move") pair.move(step.bytes);
          else {
            const exchange = pair.exchanges[step.at];
            if (exchange === undefined) continue;
            if (step.kind === "write") pair.write(exchange, step.isUp, step.size, step.end);
            else if (step.kind === "pause") pair.pause(exchange, step.isUp);
            else if (step.kind === "resume") pair.resume(exchange, step.isUp);
            else pair.reset(exchange, step.isUp);
          }
          if (step.isSettled) await Promise.resolve();
        }
        await pair.settle();
        for (const exchange of pair.exchanges) {
          for (const isUp of [true, false])
            while ((isUp ? exchange.up : exchange.down).pauses > 0) pair.resume(exchange, isUp);
        }
        await pair.settle();
        expect(pair.errors).toEqual([]);
        for (const { up, down, isReset } of pair.exchanges) {
          // A response that is whole ends its request, whatever is left of it.
          const isUpWhole = !isReset && !down.isEndSent;
          expect(up.sent.startsWith(up.received)).toBe(true);
          expect(down.sent.startsWith(down.received)).toBe(true);
          if (isUpWhole) expect([up.received.length, up.isEndReceived]).toEqual([up.sent.length, up.isEndSent]);
          if (isUpWhole) expect(up.isStopped && !up.isEndSent).toBe(false);
          if (!isReset) expect(down.isStopped && !down.isEndSent).toBe(false);
          if (!isReset) expect([down.received.length, down.isEndReceived]).toEqual([down.sent.length, down.isEndSent]);
        }
        for (const exchange of pair.exchanges) pair.reset(exchange, true);
        await pair.settle();
        expect(pair.client.activeStreams + pair.server.activeStreams).toBe(0);
        expect(pair.shared.counters.streams_active).toBe(0);
        for (const end of [pair.client, pair.server]) expect(end.receiveWindow + end.consumed).toBe(o.connectionWindow);
      },
    ),
    { numRuns: 400 },
  );
});
