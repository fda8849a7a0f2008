import { setImmediate as immediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { ClientRecorder as ClientRecorder1, ServerRecorder as ServerRecorder1 } from "../../src/http/h1/h1-recorder.ts";
import { defaultHttp1Options } from "../../src/http/h1/options.ts";
import { FrameType } from "../../src/http/h2/frames.ts";
import {
  ClientRecorder,
  frame,
  get,
  hello,
  literals,
  number,
  ServerRecorder,
  settings,
} from "../../src/http/h2/h2-recorder.ts";

// A peer that never comes to an end: what a codec keeps of it stays small, or it ends the connection.

interface Endless {
  name: string;
  /** Sent once, then `more` again and again. */
  start: Buffer;
  more: Buffer;
}
interface Run {
  feed(bytes: Buffer): void;
  /** Forgets what the recorder wrote down; true when the codec has ended or paused the connection. */
  settle(): boolean;
}

const text = (start: string, more: string): Pick<Endless, "start" | "more"> => ({
  start: Buffer.from(start, "latin1"),
  more: Buffer.from(more.repeat(Math.ceil(16_384 / more.length)), "latin1"),
});
const chunked = "Transfer-Encoding: chunked\r\n\r\n";
const http1: (Endless & { isResponse?: true })[] = [
  { name: "a request line", ...text("GET /", "a") },
  { name: "a method", ...text("", "A") },
  { name: "a field", ...text("GET / HTTP/1.1\r\nHost: a\r\nX: ", "a") },
  { name: "a field's name", ...text("GET / HTTP/1.1\r\nHost: a\r\nX", "a") },
  { name: "fields", ...text("GET / HTTP/1.1\r\nHost: a\r\n", "a: b\r\n") },
  { name: "blank lines in front of a request", ...text("", "\r\n") },
  { name: "requests", ...text("", "GET / HTTP/1.1\r\nHost: a\r\n\r\n") },
  { name: "requests that are never answered", ...text("", "GET /never HTTP/1.1\r\nHost: a\r\n\r\n") },
  { name: "a chunk's size", ...text(`POST / HTTP/1.1\r\nHost: a\r\n${chunked}`, "0") },
  { name: "a chunk's extension", ...text(`POST / HTTP/1.1\r\nHost: a\r\n${chunked}1;a=`, "b") },
  { name: "chunks of one byte", ...text(`POST / HTTP/1.1\r\nHost: a\r\n${chunked}`, "1\r\na\r\n") },
  { name: "trailers", ...text(`POST / HTTP/1.1\r\nHost: a\r\n${chunked}0\r\n`, "a: b\r\n") },
  { name: "a status line", isResponse: true, ...text("HTTP/1.1 200 ", "a") },
  { name: "fields of a response", isResponse: true, ...text("HTTP/1.1 200 OK\r\n", "a: b\r\n") },
  { name: "informational heads", isResponse: true, ...text("", "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n") },
  { name: "trailers of a response", isResponse: true, ...text(`HTTP/1.1 200 OK\r\n${chunked}0\r\n`, "a: b\r\n") },
  { name: "a body until the end", isResponse: true, ...text("HTTP/1.1 200 OK\r\n\r\n", "a") },
];
const many = (one: Buffer): Buffer => Buffer.concat(new Array(Math.ceil(16_384 / one.length)).fill(one));
const block = literals(get("/never"));
const http2: (Endless & { isResponse?: true; isReading?: false })[] = [
  { name: "CONTINUATION", start: Buffer.concat([hello, frame(1, 0, 1, block)]), more: many(frame(9, 0, 1, 1000)) },
  { name: "empty CONTINUATION", start: Buffer.concat([hello, frame(1, 0, 1, block)]), more: many(frame(9, 0, 1)) },
  { name: "SETTINGS", start: hello, more: many(settings([4, 1000])) },
  { name: "SETTINGS, its answers unread", start: hello, more: many(settings([4, 1000])), isReading: false },
  { name: "PING", start: hello, more: many(frame(FrameType.ping, 0, 0, 8)) },
  { name: "PING, its answers unread", start: hello, more: many(frame(FrameType.ping, 0, 0, 8)), isReading: false },
  { name: "PRIORITY", start: hello, more: many(frame(FrameType.priority, 0, 1, 5)) },
  { name: "WINDOW_UPDATE", start: hello, more: many(frame(FrameType.windowUpdate, 0, 0, number(1))) },
  { name: "frames of no known type", start: hello, more: many(frame(0xee, 0, 0, 100)) },
  { name: "empty DATA", start: Buffer.concat([hello, frame(1, 4, 1, block)]), more: many(frame(0, 0, 1)) },
  {
    name: "padding alone",
    start: Buffer.concat([hello, frame(1, 4, 1, block)]),
    more: many(frame(0, 8, 1, "ff".padEnd(512, "0"))),
  },
  {
    name: "a body beyond its window",
    start: Buffer.concat([hello, frame(1, 4, 1, block)]),
    more: many(frame(0, 0, 1, 16_384)),
  },
  {
    name: "informational heads",
    isResponse: true,
    start: settings(),
    more: many(frame(1, 4, 1, literals([[":status", "103"]]))),
  },
  { name: "PUSH_PROMISE", isResponse: true, start: settings(), more: many(frame(5, 4, 1, 20)) },
  { name: "ALTSVC and others", isResponse: true, start: settings(), more: many(frame(10, 0, 0, 100)) },
  {
    name: "GOAWAY",
    isResponse: true,
    start: settings(),
    more: many(frame(7, 0, 0, Buffer.concat([number(0x7fffffff), number(0), Buffer.alloc(1000)]))),
  },
];

describe.each(http1)("HTTP/1.1: endless $name", ({ start, more, isResponse }) => {
  test("keeps little", () => expectBounded(isResponse ? clientOf1() : serverOf1(), start, more));
});

describe.each(http2)("HTTP/2: endless $name", ({ start, more, isResponse, isReading }) => {
  test("keeps little", () => expectBounded(isResponse ? clientOf2() : serverOf2(isReading !== false), start, more));
});

test("HTTP/2: endless requests that are reset at once, or by us", async () => {
  for (const reset of [frame(FrameType.rstStream, 0, 1, number(8)), Buffer.alloc(0)]) {
    const run = serverOf2(true);
    run.feed(hello);
    const before = await usedBytes();
    for (let id = 1, ended = false; id < 200_000 && !ended; id += 2) {
      const head = frame(1, 4, id, block);
      run.feed(reset.length === 0 ? head : Buffer.concat([head, frame(FrameType.rstStream, 0, id, number(8))]));
      if (id % 2000 === 1) ended = run.settle();
    }
    expect((await usedBytes()) - before).toBeLessThan(allowance);
  }
});

async function expectBounded(run: Run, start: Buffer, more: Buffer): Promise<void> {
  run.feed(start);
  // Caches and compiled code come with the first bytes.
  let isOver = false;
  for (let i = 0; i < 20 && !isOver; i++) {
    run.feed(more);
    isOver = run.settle();
  }
  const before = await usedBytes();
  for (let fed = 0; fed < total && !isOver; fed += more.length) {
    run.feed(more);
    isOver = run.settle();
  }
  expect((await usedBytes()) - before).toBeLessThan(allowance);
}

function serverOf1(): Run {
  const run = new ServerRecorder1(defaultHttp1Options, "end");
  const answer = run.answer.bind(run);
  run.answer = (writer) => {
    if (!run.events.at(-1)?.includes(" /never ")) answer(writer);
  };
  return {
    feed: (bytes) => run.codec.feed(bytes, bytes.length),
    settle: () => forget(run) || run.isPaused,
  };
}

function clientOf1(): Run {
  const run = new ClientRecorder1(defaultHttp1Options);
  run.request("GET");
  return { feed: (bytes) => run.codec.feed(bytes, bytes.length), settle: () => forget(run) };
}

function forget(run: { events: string[]; output: { text: string } }): boolean {
  const isOver = run.events.some((event) => /^(error|close now|reset)/.test(event));
  run.events.length = 0;
  run.output.text = "";
  return isOver;
}

function serverOf2(isReading: boolean): Run {
  const run = new ServerRecorder();
  run.isReading = isReading;
  run.answer = () => {};
  return runOf2(run);
}

function clientOf2(): Run {
  const run = new ClientRecorder();
  run.send();
  return runOf2(run);
}

function runOf2(run: ServerRecorder | ClientRecorder): Run {
  let isPaused = false;
  return {
    feed: (bytes) => run.feed(bytes),
    settle: () => {
      for (const event of run.events) if (event === "pause" || event === "resume") isPaused = event === "pause";
      const isOver = run.events.some((event) => event.startsWith("connection error"));
      run.events.length = 0;
      run.written.length = 0;
      if ("writers" in run) run.writers.length = 0;
      return isOver || isPaused;
    },
  };
}

/** Memory of buffers is given back a moment after they were collected. */
async function usedBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect();
    await immediate();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const total = 24 * 1024 * 1024;
const allowance = 2 * 1024 * 1024;
