import { expect, test } from "vitest";
import { FrameType } from "./frames.ts";
import { ClientRecorder, frame, headers, settings } from "./h2-recorder.ts";

const { data, headers: headersType, pushPromise } = FrameType;

// 58: a hostile upstream. What it does is its connection's end, or one response's.
const malformedResponse = "1 reset protocol_error http2.violation.of.messaging.rule";
const wrongLength = "1 reset protocol_error http2.remote_reset";
const upstream: [string, Buffer[], string[], string][] = [
  [
    "PUSH_PROMISE",
    [frame(pushPromise, 4, 1, "00000002")],
    ["GOAWAY 1"],
    "connection error 1 PUSH_PROMISE: not allowed",
  ],
  ["ENABLE_PUSH 1", [settings([2, 1])], ["GOAWAY 1"], "connection error 1 SETTINGS: invalid value"],
  [
    "HEADERS on a stream of its own",
    [headers(2, [[":status", "200"]])],
    ["GOAWAY 1"],
    "connection error 1 HEADERS: stream in idle",
  ],
  [
    "HEADERS on a stream that we did not open",
    [headers(99, [[":status", "200"]])],
    ["GOAWAY 1"],
    "connection error 1 HEADERS: stream in idle",
  ],
  ["DATA in front of HEADERS", [frame(data, 0, 1, 1)], ["RST 1 1"], malformedResponse],
  ["no :status", [headers(1, [["x", "y"]])], ["RST 1 1"], malformedResponse],
  ["101", [headers(1, [[":status", "101"]], false)], ["RST 1 1"], malformedResponse],
  ["1xx with END_STREAM", [headers(1, [[":status", "103"]])], ["RST 1 1"], malformedResponse],
  [
    "a :status of letters",
    [headers(1, [[":status", "2xx"]])],
    ["RST 1 1"],
    "1 reset protocol_error http2.invalid.header.field",
  ],
  [
    "a request's pseudo-field",
    [
      headers(1, [
        [":status", "200"],
        [":path", "/"],
      ]),
    ],
    ["RST 1 1"],
    "1 reset protocol_error http2.invalid.header.field",
  ],
  [
    "a connection field",
    [
      headers(1, [
        [":status", "200"],
        ["connection", "close"],
      ]),
    ],
    ["RST 1 1"],
    "1 reset protocol_error http2.invalid.header.field",
  ],
  [
    "less DATA than content-length",
    [
      headers(
        1,
        [
          [":status", "200"],
          ["content-length", "9"],
        ],
        false,
      ),
      frame(data, 1, 1, 5),
    ],
    ["RST 1 1"],
    wrongLength,
  ],
  [
    "END_STREAM instead of content-length bytes",
    [
      headers(1, [
        [":status", "200"],
        ["content-length", "9"],
      ]),
    ],
    ["RST 1 1"],
    malformedResponse,
  ],
  ["DATA for a 204", [headers(1, [[":status", "204"]], false), frame(data, 1, 1, 5)], ["RST 1 1"], wrongLength],
  [
    "a head of 150 fields",
    [headers(1, [[":status", "200"], ...Array.from({ length: 150 }, (): [string, string] => ["x", "y"])])],
    ["RST 1 2"],
    "1 reset protocol_error http2.too_many_headers",
  ],
  [
    "HPACK nonsense",
    [frame(headersType, 5, 1, "80")],
    ["GOAWAY 9"],
    "connection error 9 header block cannot be decoded",
  ],
];
for (const [name, frames, endings, last] of upstream) {
  test(`58 upstream: ${name}`, () => {
    const run = new ClientRecorder();
    run.send();
    run.feed(settings());
    for (const bytes of frames) run.feed(bytes);
    run.flush();
    expect(run.endings).toEqual(endings);
    expect(run.events.at(-1)).toBe(last);
    expect(run.codec.isSpent).toBe(endings[0]?.startsWith("GOAWAY") === true);
  });
}

test("58 upstream: informational heads without end", () => {
  const run = new ClientRecorder();
  run.send();
  run.feed(settings());
  const hint = headers(1, [[":status", "103"]], false);
  for (let i = 0; i < 10_100; i++) run.feed(hint);
  expect(run.events.at(-1)).toContain("http2.too_many_glitches");
});
