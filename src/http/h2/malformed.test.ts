import { expect, test } from "vitest";
import { ErrorCode, FrameFlag, FrameType, isHttp2Preface } from "./frames.ts";
import { frame, get, headers, hello, literals, number, ServerRecorder, settings } from "./h2-recorder.ts";
import type { Http2Options } from "./settings.ts";

const { protocolError, flowControlError, streamClosed, frameSizeError, compressionError, refusedStream } = ErrorCode;
const { internalError, noError } = ErrorCode;
const { data, priority, rstStream, pushPromise, ping, goAway, windowUpdate, continuation } = FrameType;
const settingsType = FrameType.settings;
const headersType = FrameType.headers;

const connection = (code: number): string[] => [`GOAWAY ${code}`];
const stream = (id: number, code: number): string[] => [`RST ${id} ${code}`];

interface Case {
  name: string;
  frames: Buffer[];
  /** What we write to end things. */
  expected: string[];
  options?: Partial<Http2Options>;
  /** The preface and SETTINGS are part of `frames`. */
  isBare?: boolean;
}

const open = headers(1, get("/silent"), false);
const block = (hex: string): Buffer => frame(headersType, 5, 1, hex);
const size = (count: number): [string, string][] => Array.from({ length: count }, (_, i) => [`x-${i}`, "1"]);

// Numbers are those of the list of attacks that the project keeps.
const cases: Case[] = [
  {
    name: "26 bad preface",
    frames: [Buffer.from("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")],
    expected: connection(protocolError),
    isBare: true,
  },
  {
    name: "26 an HTTP/1.1 request behind the preface",
    frames: [Buffer.from("GET / HTTP/1.1\r\nhost: a\r\n\r\n")],
    expected: connection(frameSizeError),
  },
  {
    name: "27 PING first",
    frames: [hello.subarray(0, 24), frame(ping, 0, 0, 8)],
    expected: connection(protocolError),
    isBare: true,
  },
  { name: "28 DATA of 16385 bytes", frames: [open, frame(data, 0, 1, 16385)], expected: connection(frameSizeError) },
  {
    name: "28 HEADERS of 16385 bytes",
    frames: [frame(headersType, 5, 1, 16385)],
    expected: connection(frameSizeError),
  },
  {
    name: "28 an unknown type of 70000 bytes",
    frames: [frame(0xee, 0, 0, 70000)],
    expected: connection(frameSizeError),
  },
  { name: "29 an unknown type", frames: [frame(0xee, 0xff, 1, 40), frame(12, 0, 0, 8)], expected: [] },
  { name: "29 an unknown setting", frames: [settings([0x99, 1])], expected: [] },
  { name: "30 DATA on stream 0", frames: [frame(data, 0, 0, 1)], expected: connection(protocolError) },
  { name: "30 HEADERS on stream 0", frames: [headers(0, get("/"))], expected: connection(protocolError) },
  { name: "30 SETTINGS on stream 1", frames: [frame(settingsType, 0, 1)], expected: connection(protocolError) },
  { name: "30 PING on stream 1", frames: [frame(ping, 0, 1, 8)], expected: connection(protocolError) },
  { name: "30 GOAWAY on stream 1", frames: [frame(goAway, 0, 1, 8)], expected: connection(protocolError) },
  { name: "30 RST_STREAM on stream 0", frames: [frame(rstStream, 0, 0, 4)], expected: connection(protocolError) },
  { name: "31 DATA on an idle stream", frames: [frame(data, 0, 1, 1)], expected: connection(protocolError) },
  { name: "31 RST_STREAM on an idle stream", frames: [frame(rstStream, 0, 1, 4)], expected: connection(protocolError) },
  {
    name: "31 WINDOW_UPDATE on an idle stream",
    frames: [frame(windowUpdate, 0, 1, number(1))],
    expected: connection(protocolError),
  },
  { name: "32 an even stream id", frames: [headers(2, get("/"))], expected: connection(protocolError) },
  {
    name: "32 a lower stream id that never was",
    frames: [headers(5, get("/")), headers(3, get("/"))],
    expected: connection(protocolError),
  },
  { name: "59 the last stream id there is", frames: [headers(0x7fffffff, get("/"))], expected: [] },
  {
    name: "33 HEADERS that depend on themselves",
    frames: [frame(headersType, 0x25, 1, Buffer.concat([Buffer.from("0000000110", "hex"), literals(get("/"))]))],
    expected: stream(1, protocolError),
  },
  {
    name: "34 HEADERS with more padding than payload",
    frames: [frame(headersType, 0xd, 1, "ff8286")],
    expected: connection(protocolError),
  },
  {
    name: "34 DATA with more padding than payload",
    frames: [open, frame(data, 8, 1, "ff00")],
    expected: connection(protocolError),
  },
  { name: "35 CONTINUATION alone", frames: [frame(continuation, 4, 1, "82")], expected: connection(protocolError) },
  {
    name: "35 PING inside a block",
    frames: [frame(headersType, 1, 1, "82"), frame(ping, 0, 0, 8)],
    expected: connection(protocolError),
  },
  {
    name: "35 CONTINUATION of another stream",
    frames: [frame(headersType, 1, 1, "82"), frame(continuation, 4, 3, "86")],
    expected: connection(protocolError),
  },
  { name: "36 SETTINGS of 5 bytes", frames: [frame(settingsType, 0, 0, 5)], expected: connection(frameSizeError) },
  {
    name: "36 a SETTINGS ACK with payload",
    frames: [frame(settingsType, 1, 0, 6)],
    expected: connection(frameSizeError),
  },
  { name: "37 ENABLE_PUSH 2", frames: [settings([2, 2])], expected: connection(protocolError) },
  { name: "37 MAX_FRAME_SIZE 100", frames: [settings([5, 100])], expected: connection(protocolError) },
  { name: "37 MAX_FRAME_SIZE 2^24", frames: [settings([5, 0x1000000])], expected: connection(protocolError) },
  { name: "37 INITIAL_WINDOW_SIZE 2^31", frames: [settings([4, 0x80000000])], expected: connection(flowControlError) },
  { name: "38 PING of 6 bytes", frames: [frame(ping, 0, 0, 6)], expected: connection(frameSizeError) },
  { name: "38 RST_STREAM of 3 bytes", frames: [open, frame(rstStream, 0, 1, 3)], expected: connection(frameSizeError) },
  {
    name: "38 WINDOW_UPDATE of 3 bytes",
    frames: [open, frame(windowUpdate, 0, 1, 3)],
    expected: connection(frameSizeError),
  },
  { name: "38 PRIORITY of 4 bytes", frames: [open, frame(priority, 0, 1, 4)], expected: connection(frameSizeError) },
  {
    name: "39 WINDOW_UPDATE 0 on the connection",
    frames: [frame(windowUpdate, 0, 0, number(0))],
    expected: connection(protocolError),
  },
  {
    name: "39 WINDOW_UPDATE overflow on the connection",
    frames: [frame(windowUpdate, 0, 0, number(0x7fffffff))],
    expected: connection(flowControlError),
  },
  {
    name: "2 WINDOW_UPDATE 0 on a stream",
    frames: [open, frame(windowUpdate, 0, 1, number(0))],
    expected: stream(1, protocolError),
  },
  {
    name: "2 WINDOW_UPDATE overflow on a stream",
    frames: [open, frame(windowUpdate, 0, 1, number(0x7fffffff))],
    expected: stream(1, flowControlError),
  },
  {
    name: "40 DATA after END_STREAM",
    frames: [headers(1, get("/silent")), frame(data, 0, 1, 1)],
    expected: stream(1, streamClosed),
  },
  {
    name: "40 HEADERS after END_STREAM",
    frames: [headers(1, get("/silent")), headers(1, get("/"))],
    expected: stream(1, streamClosed),
  },
  {
    name: "40 HEADERS on a stream that was answered",
    frames: [headers(1, get("/")), headers(1, get("/"))],
    expected: connection(streamClosed),
  },
  {
    name: "41 DATA after the client's RST_STREAM",
    frames: [open, frame(rstStream, 0, 1, number(8)), frame(data, 0, 1, 1), frame(data, 0, 1, 1)],
    expected: stream(1, streamClosed),
  },
  {
    name: "41 HEADERS after the client's RST_STREAM",
    frames: [open, frame(rstStream, 0, 1, number(8)), headers(1, [["x", "y"]])],
    expected: stream(1, streamClosed),
  },
  { name: "42 PUSH_PROMISE", frames: [frame(pushPromise, 4, 1, "00000002")], expected: connection(protocolError) },
  {
    name: "43 trailers without END_STREAM",
    frames: [open, headers(1, [["x", "y"]], false)],
    expected: stream(1, protocolError),
  },
  {
    name: "43 trailers with a pseudo-field",
    frames: [open, headers(1, [[":path", "/"]])],
    expected: stream(1, protocolError),
  },
  {
    name: "44 less DATA than content-length",
    frames: [headers(1, get("/", ["content-length", "10"]), false), frame(data, 1, 1, 5)],
    expected: stream(1, protocolError),
  },
  {
    name: "44 more DATA than content-length",
    frames: [headers(1, get("/", ["content-length", "2"]), false), frame(data, 0, 1, 5)],
    expected: stream(1, protocolError),
  },
  {
    name: "44 trailers before all DATA",
    frames: [headers(1, get("/", ["content-length", "2"]), false), headers(1, [["x", "y"]])],
    expected: stream(1, protocolError),
  },
  {
    name: "44 content-length and END_STREAM on HEADERS",
    frames: [headers(1, get("/", ["content-length", "5"]))],
    expected: stream(1, protocolError),
  },
  {
    name: "45 two content-lengths",
    frames: [headers(1, get("/", ["content-length", "5"], ["content-length", "5"]), false)],
    expected: stream(1, protocolError),
  },
  {
    name: "21 INITIAL_WINDOW_SIZE that overflows a stream's window",
    frames: [open, frame(windowUpdate, 0, 1, number(0x7fff0000)), settings([4, 0x7fffffff])],
    expected: connection(flowControlError),
  },
  { name: "25 a request behind GOAWAY", frames: [frame(goAway, 0, 0, 8), headers(1, get("/"))], expected: [] },
  { name: "10 a head over 60 KiB", frames: bigHead(), expected: stream(3, internalError) },
  { name: "11 150 fields", frames: [headers(1, get("/", ...size(150)))], expected: stream(1, internalError) },
  { name: "10 trailers over the limit", frames: [open, headers(1, size(150))], expected: stream(1, internalError) },
  {
    name: "14 host repeated next to :authority",
    frames: [headers(1, get("/", ["host", "a"], ["host", "a"]))],
    expected: stream(1, protocolError),
  },
  { name: "15 index 200", frames: [block("ff49")], expected: connection(compressionError) },
  { name: "15 index 0", frames: [block("80")], expected: connection(compressionError) },
  { name: "16 a table size above the limit", frames: [block("3fe2ffff7f")], expected: connection(compressionError) },
  { name: "16 a table size at the block's end", frames: [block("828684 20")], expected: connection(compressionError) },
  {
    name: "17 an endless integer",
    frames: [block("ffffffffffffffffffffffffffffffff")],
    expected: connection(compressionError),
  },
  { name: "17 a string beyond the block", frames: [block("00056162")], expected: connection(compressionError) },
  { name: "18 EOS in a string", frames: [block("000161 84ffffffff")], expected: connection(compressionError) },
  {
    name: "55 CONNECT with :path",
    frames: [
      headers(1, [
        [":method", "CONNECT"],
        [":scheme", "http"],
        [":path", "/"],
        [":authority", "a:1"],
      ]),
    ],
    expected: stream(1, protocolError),
  },
  {
    name: "55 extended CONNECT that was not allowed",
    frames: [headers(1, [...connect()])],
    expected: stream(1, protocolError),
  },
  {
    name: "55 :protocol without CONNECT",
    frames: [headers(1, [[":protocol", "websocket"], ...get("/")])],
    expected: stream(1, protocolError),
    options: { allowConnect: true },
  },
  {
    name: "48 an underscore where it is refused",
    frames: [headers(1, get("/", ["x_a", "1"]))],
    expected: stream(1, internalError),
    options: { underscores: "REJECT_REQUEST" },
  },
  {
    name: "49 malformed costs the connection when told so",
    frames: [headers(1, get("/", ["A", "1"]))],
    expected: connection(protocolError),
    options: { streamErrorOnInvalidMessage: false },
  },
  {
    name: "19 105 streams where 100 may be",
    frames: Array.from({ length: 105 }, (_, i) => headers(2 * i + 1, get("/silent"), false)),
    expected: [201, 203, 205, 207, 209].map((id) => `RST ${id} ${refusedStream}`),
    options: { maxConcurrentStreams: 100 },
  },
  {
    name: "a response in front of the request's end",
    frames: [headers(1, get("/silent"), false), headers(3, get("/"), true)],
    expected: [],
  },
  {
    name: "2 DATA of a length that is only padding, with END_STREAM",
    frames: [open, frame(data, 9, 1, "020000")],
    expected: [],
  },
];

function connect(): [string, string][] {
  return [[":method", "CONNECT"], [":protocol", "websocket"], ...get("/").slice(1)];
}

/** A head of 70 KB in five frames. */
function bigHead(): Buffer[] {
  const fields = literals(
    get("/", ...Array.from({ length: 5 }, (_, i): [string, string] => [`x-${i}`, "a".repeat(14000)])),
  );
  const frames: Buffer[] = [];
  for (let at = 0; at < fields.length; at += 16000) {
    const isLast = at + 16000 >= fields.length;
    const type = at === 0 ? headersType : continuation;
    frames.push(
      frame(type, (at === 0 ? 1 : 0) | (isLast ? FrameFlag.endHeaders : 0), 3, fields.subarray(at, at + 16000)),
    );
  }
  return frames;
}

for (const c of cases) {
  test(c.name, () => {
    const run = new ServerRecorder(c.options);
    if (c.isBare !== true) run.feed(hello);
    for (const bytes of c.frames) run.feed(bytes);
    expect(run.endings).toEqual(c.expected);
    // A connection that goes on serves the next request, and none is lost by another's fault.
    if (c.expected.some((ending) => ending.startsWith("GOAWAY"))) {
      expect(run.events.at(-1)).toMatch(/^connection error/);
      return;
    }
    if (run.codec.activeStreams >= (c.options?.maxConcurrentStreams ?? 1024) || c.name.startsWith("59")) return;
    run.feed(headers(1001, get("/next")));
    expect(run.events).toContain("1001 GET http://a.test/next [] end");
  });
}

test("an early response is followed by NO_ERROR, and late frames of that stream are ignored", () => {
  const run = new ServerRecorder();
  run.feed(hello);
  run.feed(headers(1, get("/silent"), false));
  run.answer(run.writers[0] as never);
  run.feed(frame(data, 0, 1, 100));
  run.feed(headers(1, [["x", "y"]]));
  expect(run.endings).toEqual(stream(1, noError));
  expect(run.codec.activeStreams).toBe(0);
});

test("a connection is told for HTTP/2 by its preface", () => {
  const bytes = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nabc");
  expect(isHttp2Preface(bytes, bytes.length)).toBe(true);
  expect(isHttp2Preface(bytes, 12)).toBe(true);
  expect(isHttp2Preface(Buffer.from("PRI * HTTP/2.0\r\n\r\nXX"), 20)).toBe(true);
  expect(isHttp2Preface(bytes, 11)).toBeNull();
  expect(isHttp2Preface(bytes, 0)).toBeNull();
  expect(isHttp2Preface(Buffer.from("PRI / HTTP/1.1"), 14)).toBe(false);
  expect(isHttp2Preface(Buffer.from("GET"), 3)).toBe(false);
});
