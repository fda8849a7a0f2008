import { expect, test } from "vitest";
import { ResponseHead } from "../header-block.ts";
import { attacks, open, silent } from "./attacks.test-kit.ts";
import { ErrorCode, FrameType } from "./frames.ts";
import {
  type ClientRecorder,
  frame,
  get,
  headers,
  hello,
  literals,
  number,
  ServerRecorder,
  settings,
} from "./h2-recorder.ts";
import type { Http2Options } from "./settings.ts";

const { data, headers: headersType, continuation, windowUpdate, rstStream, ping } = FrameType;
const settingsType = FrameType.settings;
const calm = `GOAWAY ${ErrorCode.enhanceYourCalm}`;

/** Feeds frames one by one until the connection fails; answers how many went in. */
function flood(run: ServerRecorder | ClientRecorder, count: number, make: (i: number) => Buffer): number {
  for (let i = 0; i < count; i++) {
    if (run.codec.isClosed) return i;
    run.feed(make(i));
  }
  return count;
}

function start(options: Partial<Http2Options> = {}): ServerRecorder {
  const run = new ServerRecorder(options);
  run.feed(hello);
  return run;
}

for (const attack of attacks) {
  test(`${attack.name} ends the connection after ${attack.after}`, () => {
    const run = start(attack.options);
    run.isReading = attack.isDeaf !== true;
    const before = process.memoryUsage().arrayBuffers;
    expect(flood(run, 20_000, attack.make)).toBe(attack.after);
    expect(run.codec.outputBytes).toBeLessThan(1_000_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_000_000);
    run.isReading = true;
    run.flush();
    expect(run.endings.at(-1)).toBe(calm);
    expect(run.events.at(-1)).toBe(`connection error ${ErrorCode.enhanceYourCalm} ${attack.detail}`);
    if (attack.counter !== undefined) expect(run.shared.counters[attack.counter]).toBe(1);
    if (attack.counterWhenDeaf !== undefined) expect(run.shared.counters[attack.counterWhenDeaf]).toBe(1);
    expect(run.codec.activeStreams).toBe(0);
    expect(run.shared.counters.goaway_sent).toBe(0);
  });
}

test("1 resets of streams that live for more than a second are rationed too", () => {
  const run = start();
  let streams = 0;
  for (let round = 0; round < 100 && !run.codec.isClosed; round++) {
    const first = streams;
    for (; streams < first + 100; streams++) run.feed(silent(streams));
    run.shared.nowMs += 1100;
    for (let i = first; i < streams; i++) run.feed(frame(rstStream, 0, 2 * i + 1, number(8)));
  }
  expect(run.events.at(-1)).toContain("http2.too_many_resets");
  expect(streams).toBeLessThan(1800);
});

test("1 a client that resets one in three lives on", () => {
  const run = start();
  expect(
    flood(run, 900, (i) => {
      if (i % 3 !== 0) return headers(2 * i + 1, get("/"));
      return Buffer.concat([silent(i), frame(rstStream, 0, 2 * i + 1, number(8))]);
    }),
  ).toBe(900);
  expect(run.endings).toEqual([]);
});

test("5 a burst of PING and SETTINGS from a client that reads is answered", () => {
  const run = start();
  run.feed(Buffer.concat(Array.from({ length: 3000 }, () => frame(ping, 0, 0, 8))));
  run.feed(Buffer.concat(Array.from({ length: 3000 }, () => settings())));
  expect(run.endings).toEqual([]);
  expect(run.written.filter((sent) => sent.type === ping).length).toBe(3000);
  expect(run.written.filter((sent) => sent.type === settingsType).length).toBe(3002);
});

test("12 an HPACK bomb is one stream's end and costs no memory", () => {
  const run = start();
  const length = Buffer.from([0x40, 1, 0x78, 0x7f, ...leb(3900 - 127)]);
  const first = frame(headersType, 5, 1, Buffer.concat([literals(get("/silent")), length, Buffer.alloc(3900, 97)]));
  run.feed(first);
  const before = process.memoryUsage();
  run.feed(frame(headersType, 5, 3, Buffer.concat([literals(get("/")), Buffer.alloc(10_000, 0xbe)])));
  const after = process.memoryUsage();
  expect(run.endings).toEqual([`RST 3 ${ErrorCode.internalError}`]);
  expect(run.events.at(-1)).toBe("3 reset local_reset http2.header_list_size_too_large");
  expect(run.shared.counters.header_list_size_too_large).toBe(1);
  expect(after.heapUsed - before.heapUsed).toBeLessThan(2_000_000);
});

function leb(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left >>>= 7) bytes.push((left & 127) | 128);
  return [...bytes, left];
}

test("13 a cookie of 12000 crumbs is one stream's end", () => {
  const run = start();
  // Index 32 of the static table: cookie without a value.
  run.feed(frame(headersType, 5, 1, Buffer.concat([literals(get("/")), Buffer.alloc(12_000, 0xa0)])));
  expect(run.endings).toEqual([`RST 1 ${ErrorCode.internalError}`]);
  expect(run.events.at(-1)).toBe("1 reset local_reset http2.too_many_headers");
});

test("20 DATA beyond a stream's window, while its sink pauses, is that stream's end", () => {
  const run = start({ streamWindow: 65536, connectionWindow: 1_000_000 });
  run.pauses = true;
  run.feed(open);
  for (let i = 0; i < 4; i++) run.feed(frame(data, 0, 1, 16384));
  expect(run.endings).toEqual([]);
  run.feed(frame(data, 0, 1, 1));
  expect(run.endings).toEqual([`RST 1 ${ErrorCode.flowControlError}`]);
});

test("20 DATA beyond the connection's window is the connection's end", () => {
  const run = start({ streamWindow: 65536, connectionWindow: 65536 });
  run.pauses = true;
  run.feed(open);
  run.feed(silent(1));
  for (let i = 0; i < 5; i++) run.feed(frame(data, 0, i < 3 ? 1 : 3, 16384));
  expect(run.endings).toEqual([`GOAWAY ${ErrorCode.flowControlError}`]);
});

test("22 windows that stay shut: what waits is one piece a stream, and onWritable comes when they open", () => {
  const run = start();
  run.feed(settings([4, 0]));
  for (let i = 0; i < 50; i++) run.feed(silent(i));
  for (const writer of run.writers) expect(writer.writeData(Buffer.alloc(10_000), false)).toBe(false);
  run.flush();
  expect(run.writers.every((writer) => writer.queuedBytes === 10_000)).toBe(true);
  expect(run.codec.outputBytes).toBe(0);
  run.feed(settings([4, 1000]));
  expect(run.writers.every((writer) => writer.queuedBytes === 9000)).toBe(true);
  run.feed(settings([4, 20_000]));
  run.feed(frame(windowUpdate, 0, 0, number(1_000_000)));
  expect(run.events.filter((event) => event.endsWith("writable")).length).toBe(50);
  for (let i = 0; i < 50; i++) run.feed(frame(rstStream, 0, 2 * i + 1, number(8)));
  expect(run.codec.activeStreams).toBe(0);
});

test("23 DATA of one byte, 5000 times: passed on, and held in few blocks by a paused sink", async () => {
  const run = start();
  run.pauses = true;
  run.feed(open);
  const before = process.memoryUsage().arrayBuffers;
  flood(run, 5000, () => frame(data, 0, 1, 1));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2_000_000);
  expect(run.events.length).toBe(1);
  run.feed(frame(data, 1, 1, 0));
  run.writers[0]?.resumeReading();
  await Promise.resolve();
  expect(run.events.slice(1)).toEqual([`1 data ${"a".repeat(5000)}`, "1 end"]);
  expect(run.endings).toEqual([]);
});

test("data that comes between a resume and its microtask keeps its place", async () => {
  const run = start();
  run.pauses = true;
  run.feed(open);
  run.feed(frame(data, 0, 1, Buffer.from("abc")));
  run.writers[0]?.resumeReading();
  run.feed(frame(data, 1, 1, Buffer.from("def")));
  await Promise.resolve();
  expect(run.events.slice(1)).toEqual(["1 data abcdef", "1 end"]);
});

test("a window is given back as the sink consumes, and not before", async () => {
  const run = start({ streamWindow: 65535, connectionWindow: 65535 });
  run.pauses = true;
  run.feed(open);
  const updates = (): number => run.written.filter((sent) => sent.type === windowUpdate).length;
  for (let i = 0; i < 3; i++) run.feed(frame(data, 0, 1, 16384));
  expect(updates()).toBe(0);
  run.writers[0]?.resumeReading();
  await Promise.resolve();
  run.flush();
  expect(updates()).toBe(2);
  run.writers[0]?.pauseReading();
  run.feed(frame(data, 0, 1, 16384));
  run.writers[0]?.reset("local_reset");
  run.flush();
  // The connection has everything back although the stream is gone.
  for (let i = 0; i < 20; i++) run.feed(frame(data, 0, 1, 16384));
  expect(run.endings).toEqual([`RST 1 ${ErrorCode.internalError}`]);
});

test("22 a stream that was written to its end and is never let out is reset when its time is over", () => {
  const run = start();
  run.feed(settings([4, 0]));
  run.feed(headers(1, get("/")));
  run.feed(headers(3, get("/silent"), false));
  run.writers[1]?.writeData(Buffer.alloc(10), false);
  run.shared.nowMs += 999;
  run.codec.resetStalled(1000);
  expect(run.codec.activeStreams).toBe(2);
  run.shared.nowMs += 1;
  run.codec.resetStalled(1000);
  run.flush();
  expect(run.endings).toEqual([`RST 1 ${ErrorCode.internalError}`]);
  expect(run.events.at(-1)).toBe("1 reset local_reset stream_flush_timeout");
  expect(run.shared.counters.tx_flush_timeout).toBe(1);
  expect(run.codec.activeStreams).toBe(1);
});

test("a notice of shutdown takes nothing away; after the shutdown new requests are ignored, open ones end", () => {
  const run = start();
  run.codec.announceShutdown();
  run.feed(headers(1, get("/")));
  run.feed(silent(1));
  run.codec.shutdown();
  run.feed(headers(5, get("/"), false));
  run.feed(frame(data, 1, 5, 10));
  run.feed(frame(data, 1, 3, 1));
  run.answer(run.writers[1] as never);
  run.flush();
  expect(run.endings).toEqual(["GOAWAY 0", "GOAWAY 0"]);
  expect(
    run.written.filter((sent) => sent.type === FrameType.goAway).map((sent) => sent.payload.readUInt32BE(0)),
  ).toEqual([0x7fffffff, 3]);
  expect(run.events.filter((event) => event.startsWith("5"))).toEqual([]);
  expect(run.codec.activeStreams).toBe(0);
});

test("22 a client that reads nothing is not read from once its answers' heads are too much", () => {
  const run = start();
  run.isReading = false;
  const head = new ResponseHead();
  head.status = 200;
  head.append("x", "a".repeat(50_000));
  let opened = 0;
  for (; opened < 100 && run.events.at(-1) !== "pause"; opened++) {
    run.feed(silent(opened));
    run.writers[opened]?.writeHead(head, false);
  }
  expect(opened).toBe(10);
  expect(run.codec.outputBytes).toBeLessThan(65536 * 6);
  run.isReading = true;
  run.flush();
  expect(run.events.at(-1)).toBe("resume");
});

test("24 a preface or a head that does not end is told for the owner's timer", () => {
  const run = new ServerRecorder();
  run.feed(hello.subarray(0, 30));
  expect(run.codec.isHeadPartial).toBe(true);
  run.feed(hello.subarray(30));
  expect(run.codec.isHeadPartial).toBe(false);
  const request = Buffer.concat([frame(headersType, 1, 1, literals(get("/"))), frame(continuation, 4, 1)]);
  for (let at = 0; at < request.length - 1; at++) {
    run.feed(request.subarray(at, at + 1));
    expect(run.codec.isHeadPartial).toBe(true);
  }
  run.feed(request.subarray(-1));
  expect(run.codec.isHeadPartial).toBe(false);
  expect(run.events).toEqual(["1 GET http://a.test/ [] end"]);
});
