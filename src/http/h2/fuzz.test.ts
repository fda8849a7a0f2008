import fc from "fast-check";
import { expect, test } from "vitest";
import { clientPreface, FrameType } from "./frames.ts";
import {
  ClientRecorder,
  type Frame,
  frame,
  get,
  hello,
  literals,
  number,
  ServerRecorder,
  settings,
} from "./h2-recorder.ts";

const streamIds = fc.constantFrom(0, 1, 1, 1, 3, 3, 5, 2, 0x7fffffff);
const headerFlags = fc.constantFrom(0x4, 0x5, 0x5, 0x5, 0x1, 0, 0xd, 0x25, 0x2d);
const request = literals(get("/", ["content-length", "3"], ["cookie", "a=1"], ["cookie", "b=2"]));
const plain = literals(get("/a"));
const response = literals([
  [":status", "200"],
  ["x", "y"],
]);
const blocks = [
  request,
  plain,
  response,
  literals([["x-t", "1"]]),
  literals([["X", ""]]),
  Buffer.from("82868401", "hex"),
];
const block = fc.oneof(
  fc.constantFrom(...blocks),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
);
const frames = fc.oneof(
  fc.tuple(headerFlags, streamIds, block).map(([flags, id, bytes]) => frame(FrameType.headers, flags, id, bytes)),
  fc.tuple(headerFlags, streamIds, block).map(([flags, id, bytes]) => frame(FrameType.continuation, flags, id, bytes)),
  fc
    .tuple(fc.constantFrom(0, 1, 8, 9), streamIds, fc.nat(40))
    .map(([flags, id, size]) => frame(FrameType.data, flags, id, Buffer.alloc(size, size >> 1))),
  fc.tuple(streamIds, fc.nat(14)).map(([id, code]) => frame(FrameType.rstStream, 0, id, number(code))),
  fc.tuple(fc.nat(9), fc.constantFrom(0, 1, 100, 16384, 0x7fffffff, 0xffffffff)).map((entry) => settings(entry)),
  fc
    .tuple(streamIds, fc.constantFrom(0, 1, 0x7fffffff))
    .map(([id, by]) => frame(FrameType.windowUpdate, 0, id, number(by))),
  fc.tuple(streamIds, fc.nat(1)).map(([id, flags]) => frame(FrameType.ping, flags, id, 8)),
  fc
    .tuple(fc.nat(255), fc.nat(255), streamIds, fc.nat(30))
    .map(([type, flags, id, size]) => frame(type, flags, id, size)),
);
const input = fc.array(fc.oneof({ weight: 12, arbitrary: frames }, fc.uint8Array({ maxLength: 12 })), {
  maxLength: 30,
  size: "max",
});
const cuts = fc.nat(600);

/** Window updates depend on how data comes; all else must not. */
function written(frames: readonly Frame[]): string[] {
  return frames
    .filter((sent) => sent.type !== FrameType.windowUpdate)
    .map((sent) => `${sent.type} ${sent.flags} ${sent.streamId} ${sent.payload.toString("hex")}`);
}

function check(
  start: Buffer,
  parts: readonly Uint8Array[],
  at: number,
  make: () => ServerRecorder | ClientRecorder,
): void {
  const bytes = Buffer.concat([start, ...parts]);
  const runs = [-1, 0, Math.min(at + 1, bytes.length)].map((cut) => {
    const run = make();
    run.feed(bytes, cut);
    run.codec.onTransportEnd();
    run.flush();
    return run;
  });
  const [whole, ...others] = runs;
  for (const other of others) {
    expect(other.events).toEqual(whole?.events);
    expect(written(other.written)).toEqual(written(whole?.written ?? []));
  }
  expect(whole?.codec.activeStreams).toBe(0);
  expect(whole?.shared.counters.streams_active).toBe(0);
}

test("any frames: no throw, and a cut changes nothing (server)", () => {
  fc.assert(
    fc.property(input, cuts, (parts, at) => check(hello, parts, at, () => new ServerRecorder({ allowConnect: true }))),
    { numRuns: 2000 },
  );
});

test("any frames: no throw, and a cut changes nothing (client)", () => {
  fc.assert(
    fc.property(input, cuts, (parts, at) =>
      check(settings(), parts, at, () => {
        const run = new ClientRecorder();
        run.send();
        run.send("HEAD");
        run.send("POST");
        return run;
      }),
    ),
    { numRuns: 2000 },
  );
});

test("any bytes at all", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300, size: "max" }), fc.boolean(), cuts, (bytes, hasPreface, at) => {
      check(hasPreface ? clientPreface : Buffer.alloc(0), [bytes], at, () => new ServerRecorder());
      check(Buffer.alloc(0), [bytes], at, () => new ClientRecorder());
    }),
    { numRuns: 1000 },
  );
});
