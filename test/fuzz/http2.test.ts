import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clientPreface, FrameType } from "../../src/http/h2/frames.ts";
import {
  ClientRecorder,
  type Frame,
  frame,
  literals,
  number,
  ServerRecorder,
  settings,
} from "../../src/http/h2/h2-recorder.ts";
import { captures, mutated, places, runs, waysToCut } from "./mutate.ts";

// HTTP/2 codecs: recorded connections of real peers, their frames changed: no throw, all streams end, and where it is cut changes nothing.

const requests = captures("http2Requests").map(inFrames);
const responses = captures("http2Responses").map(inFrames);
const words = [
  frame(FrameType.ping, 0, 0, 8),
  frame(FrameType.rstStream, 0, 1, number(8)),
  frame(FrameType.windowUpdate, 0, 0, number(0x7fffffff)),
  frame(FrameType.windowUpdate, 0, 1, number(0)),
  frame(FrameType.headers, 5, 3, literals([[":status", "200"]])),
  frame(FrameType.headers, 4, 1, literals([[":status", "100"]])),
  frame(FrameType.continuation, 4, 1, Buffer.from("88", "hex")),
  frame(FrameType.data, 1, 1, 3),
  frame(FrameType.data, 8, 1, Buffer.from("0361626364", "hex")),
  frame(FrameType.goAway, 0, 0, 8),
  settings([4, 0], [3, 1]),
  settings([1, 0]),
  settings([5, 16385]),
  Buffer.from("3fe1ff03", "hex"),
  Buffer.from([0]),
  Buffer.from("ffffff", "hex"),
];

describe("server", () => {
  test.each([
    { name: "that reads", options: { allowConnect: true }, pauses: false },
    { name: "whose sinks are paused", options: {}, pauses: true },
    {
      name: "with small limits",
      options: { maxHeaders: 5, maxConcurrentStreams: 2, initialStreamWindowSize: 65_535 },
      pauses: false,
    },
  ])("$name", ({ options, pauses }) => {
    fc.assert(
      fc.property(mutated(requests, words), places, (bytes, cuts) => {
        check(bytes, cuts, () => {
          const run = new ServerRecorder(options);
          run.pauses = pauses;
          return run;
        });
      }),
      runs(1000),
    );
  });
});

test("client", () => {
  fc.assert(
    fc.property(mutated(responses, words), places, (bytes, cuts) => {
      check(bytes, cuts, () => {
        const run = new ClientRecorder();
        run.send();
        run.send("HEAD");
        run.send("POST");
        return run;
      });
    }),
    runs(1500),
  );
});

test("a client and a server understand each other's recorded bytes as they are", () => {
  for (const frames of requests) {
    const run = new ServerRecorder();
    run.feed(Buffer.concat(frames));
    expect(run.events.filter((event) => event.startsWith("connection error"))).toEqual([]);
    expect(run.events.some((event) => / (GET|POST) http:\/\/127\.0\.0\.1/.test(event))).toBe(true);
  }
  for (const frames of responses) {
    const run = new ClientRecorder();
    for (const method of ["GET", "HEAD", "POST"]) run.send(method);
    run.feed(Buffer.concat(frames));
    expect(run.events.filter((event) => /connection error|reset/.test(event))).toEqual([]);
    expect(run.events.filter((event) => / end$|trailers/.test(event))).toHaveLength(3);
  }
});

function check(bytes: Buffer, cuts: readonly number[], make: () => ServerRecorder | ClientRecorder): void {
  const outcomes = waysToCut(bytes, cuts).map((parts) => {
    const run = make();
    for (const part of parts) run.feed(part);
    run.codec.onTransportEnd();
    run.flush();
    expect(run.codec.activeStreams).toBe(0);
    expect(run.shared.counters.streams_active).toBe(0);
    return { events: run.events, written: written(run.written) };
  });
  for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
}

/** Window updates depend on how data comes; all else must not. */
function written(frames: readonly Frame[]): string[] {
  return frames
    .filter((sent) => sent.type !== FrameType.windowUpdate)
    .map((sent) => `${sent.type} ${sent.flags} ${sent.streamId} ${sent.payload.toString("hex")}`);
}

/** The preface, where it has one, and its frames. */
function inFrames(bytes: Buffer): Buffer[] {
  const hasPreface = bytes.subarray(0, clientPreface.length).equals(clientPreface);
  const pieces: Buffer[] = hasPreface ? [clientPreface] : [];
  for (let at = hasPreface ? clientPreface.length : 0; at < bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}
