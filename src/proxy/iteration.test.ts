import { expect, test } from "vitest";
import { type BodyChunk, DataStatus, type Filter, HeadersStatus } from "../filters/api.ts";
import { FilterChain } from "./filter-chain.ts";
import { type Direction, Iteration } from "./iteration.ts";

type Head = { said: string };

/** A walk of the request's way over these filters, and what came out behind the last. */
function walk(...filters: Filter[]): { iteration: Iteration<Head, string[]>; out: string[]; seen: string[] } {
  const out: string[] = [];
  const seen: string[] = [];
  const none = null as never;
  const direction: Direction<Head, string[]> = {
    isLive: true,
    callHead: ({ filter }, head, end) => filter.onRequestHead?.(none, head as never, end) ?? 0,
    callData: ({ filter, slot }, chunk, end) => {
      seen.push(`${slot}:${chunk.bytes}`);
      return filter.onRequestData?.(none, chunk, end) ?? 0;
    },
    callTrailers: ({ filter }, trailers) => filter.onRequestTrailers?.(none, trailers as never) ?? 0,
    deliverHead: (head, end) => out.push(`head ${head.said}${end ? " end" : ""}`),
    deliverData: (bytes, end) => out.push(`data ${bytes}${end ? " end" : ""}`),
    deliverTrailers: (trailers) => out.push(`trailers ${trailers}`),
    onBufferFull: (isWatermark) => out.push(`full ${isWatermark}`),
    onBufferDrained: () => out.push("drained"),
  };
  const chain = new FilterChain(
    filters.map((filter, slot) => ({ name: String(slot), type: "", filter, disabled: false })),
  );
  const iteration = new Iteration(direction, false);
  iteration.begin(chain.variants[0]?.request ?? { head: [], data: [], trailers: [] }, 100);
  return { iteration, out, seen };
}

const upper: Filter = {
  onRequestData: (_stream, chunk: BodyChunk) => {
    chunk.bytes = Buffer.from(chunk.bytes.toString().toUpperCase());
    return DataStatus.Continue;
  },
};
const swallow: Filter = {
  onRequestData: (_stream, chunk: BodyChunk) => {
    chunk.bytes = Buffer.alloc(0);
    return DataStatus.Continue;
  },
};
const watch: Filter = { onRequestData: () => DataStatus.Continue };

test("the next filter and the end get the bytes that a filter put in their place", () => {
  const { iteration, out, seen } = walk(watch, upper, watch);
  iteration.head({ said: "a" }, false);
  iteration.data(Buffer.from("body"), false);
  iteration.data(Buffer.from("last"), true);
  expect(seen).toEqual(["0:body", "1:body", "2:BODY", "0:last", "1:last", "2:LAST"]);
  expect(out).toEqual(["head a", "data BODY", "data LAST end"]);
});

test("no bytes are delivered as none, but the end is", () => {
  const { iteration, out } = walk(swallow);
  iteration.head({ said: "a" }, false);
  iteration.data(Buffer.from("body"), false);
  iteration.data(Buffer.from("last"), true);
  expect(out).toEqual(["head a", "data  end"]);
});

test("a head is held until the body came, which may change both", () => {
  const head = { said: "before" };
  let body = "";
  const hold: Filter = {
    onRequestHead: () => HeadersStatus.StopIteration,
    onRequestData: (_stream, chunk: BodyChunk, endStream) => {
      body += chunk.bytes;
      chunk.bytes = Buffer.alloc(0);
      if (!endStream) return DataStatus.StopIterationNoBuffer;
      head.said = body;
      return DataStatus.Continue;
    },
  };
  const { iteration, out } = walk(hold, upper);
  iteration.head(head, false);
  iteration.data(Buffer.from("one "), false);
  iteration.data(Buffer.from("two"), true);
  expect(out).toEqual(["head one two", "data  end"]);
});

test("a filter adds body in front of the trailers; only those behind it see it", () => {
  const made: { iteration: Iteration<Head, string[]> | null } = { iteration: null };
  const add: Filter = {
    onRequestData: () => DataStatus.Continue,
    onRequestTrailers: (_stream, trailers) => {
      made.iteration?.add(1, Buffer.from(`[${String(trailers)}]`));
      (trailers as unknown as string[]).length = 0;
      return DataStatus.Continue;
    },
  };
  const { iteration, out, seen } = walk(watch, add, upper);
  made.iteration = iteration;
  iteration.head({ said: "a" }, false);
  iteration.data(Buffer.from("x"), false);
  iteration.trailers(["t"]);
  expect(seen).toEqual(["0:x", "1:x", "2:x", "2:[t]"]);
  expect(out).toEqual(["head a", "data X", "data [T]", "trailers "]);
});

test("a head held to the trailers goes on with them", () => {
  const hold: Filter = {
    onRequestHead: () => HeadersStatus.StopIteration,
    onRequestData: (_stream, chunk: BodyChunk) => {
      chunk.bytes = Buffer.alloc(0);
      return DataStatus.StopIterationNoBuffer;
    },
    onRequestTrailers: () => DataStatus.Continue,
  };
  const { iteration, out } = walk(hold);
  iteration.head({ said: "a" }, false);
  iteration.data(Buffer.from("x"), false);
  iteration.trailers(["t"]);
  expect(out).toEqual(["head a", "trailers t"]);
});

/** Holds a message until it is whole, from its head on. */
const collect: Filter = {
  onRequestHead: () => HeadersStatus.StopIteration,
  onRequestData: (_stream, _chunk, endStream) => (endStream ? DataStatus.Continue : DataStatus.StopIterationAndBuffer),
  onRequestTrailers: () => DataStatus.Continue,
};
const ask: Filter = {
  onRequestHead: () => HeadersStatus.StopAllIterationAndWatermark,
  onRequestData: () => DataStatus.Continue,
};

test("two filters that hold a message each get all of it", () => {
  for (const trailers of [false, true]) {
    const { iteration, out, seen } = walk(collect, collect, watch);
    iteration.head({ said: "a" }, false);
    iteration.data(Buffer.from("x"), false);
    iteration.data(Buffer.from("y"), !trailers);
    if (trailers) iteration.trailers(["t"]);
    expect(seen).toEqual(["0:x", "0:y", "1:xy", "2:xy"]);
    expect(out).toEqual(trailers ? ["head a", "data xy", "trailers t"] : ["head a", "data xy end"]);
  }
});

test("filters in front of one that stopped everything see the body as it comes, the others when it goes on", () => {
  const { iteration, out, seen } = walk(watch, ask, upper);
  iteration.head({ said: "a" }, false);
  iteration.data(Buffer.from("x"), false);
  iteration.data(Buffer.from("y"), true);
  expect(seen).toEqual(["0:x", "0:y"]);
  iteration.resume(1);
  expect(seen).toEqual(["0:x", "0:y", "1:xy", "2:xy"]);
  expect(out).toEqual(["head a", "data XY end"]);
});

test("one that stops everything, behind another, gets the body of both", () => {
  const { iteration, out, seen } = walk(ask, ask, watch);
  iteration.head({ said: "a" }, false);
  iteration.data(Buffer.from("x"), false);
  iteration.resume(0);
  iteration.trailers(["t"]);
  expect(out).toEqual([]);
  iteration.resume(1);
  expect(seen).toEqual(["0:x", "1:x", "2:x"]);
  expect(out).toEqual(["head a", "data x", "trailers t"]);
});

test("what was paused goes on once there is room, though a filter still holds the message", () => {
  const { iteration, out } = walk(ask, {
    onRequestHead: () => HeadersStatus.StopIteration,
    onRequestData: (_stream, chunk: BodyChunk) => {
      chunk.bytes = Buffer.alloc(0);
      return DataStatus.StopIterationNoBuffer;
    },
  });
  iteration.head({ said: "a" }, false);
  iteration.data(Buffer.alloc(101), false);
  expect(out).toEqual(["full true"]);
  iteration.resume(0);
  expect(out).toEqual(["full true", "drained"]);
});

test("more than one filter may hold is too much where another only paused", () => {
  const { iteration, out } = walk(ask, collect);
  iteration.head({ said: "a" }, false);
  iteration.data(Buffer.alloc(101), false);
  iteration.resume(0);
  expect(out).toEqual(["full true", "full false"]);
});

/** Keeps what comes. */
const keep: Filter = {
  onRequestData: () => DataStatus.StopIterationNoBuffer,
  onRequestTrailers: () => DataStatus.StopIterationNoBuffer,
};

test("a filter gives the body on in its own time, and the trailers after it", () => {
  const { iteration, out } = walk(keep, upper);
  iteration.head({ said: "a" }, false);
  iteration.data(Buffer.from("one"), false);
  iteration.inject(0, Buffer.from("o"), false);
  iteration.trailers(["t"]);
  iteration.inject(0, Buffer.from("ne"), false);
  expect(out).toEqual(["head a", "data O", "data NE"]);
  iteration.resume(0);
  expect(out).toEqual(["head a", "data O", "data NE", "trailers t"]);
});

test("the end that a filter gives on is the end", () => {
  const { iteration, out } = walk(keep, watch);
  iteration.head({ said: "a" }, false);
  iteration.data(Buffer.from("one"), true);
  iteration.inject(0, Buffer.from("one"), false);
  iteration.inject(0, Buffer.alloc(0), true);
  expect(out).toEqual(["head a", "data one", "data  end"]);
});

test("a filter ends a body with trailers of its own", () => {
  const { iteration, out } = walk(keep, watch);
  iteration.head({ said: "a" }, false);
  iteration.data(Buffer.from("one"), true);
  iteration.inject(0, Buffer.from("one"), false);
  iteration.end(0, ["own"]);
  expect(out).toEqual(["head a", "data one", "trailers own"]);
});

test("what is given on waits for a filter behind that stopped, and the trailers for both", () => {
  for (const isKeeperFirst of [true, false]) {
    const { iteration, out } = walk(keep, ask);
    iteration.head({ said: "a" }, false);
    iteration.data(Buffer.from("one"), false);
    iteration.inject(0, Buffer.from("one"), false);
    iteration.trailers(["t"]);
    if (isKeeperFirst) iteration.resume(0);
    else iteration.resume(1);
    expect(out).toEqual(isKeeperFirst ? [] : ["head a", "data one"]);
    if (isKeeperFirst) iteration.resume(1);
    else iteration.resume(0);
    expect(out).toEqual(["head a", "data one", "trailers t"]);
  }
});
