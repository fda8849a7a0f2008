import { describe, expect, test } from "vitest";
import { differences, isFieldOrderDifferent } from "./compare.ts";
import type { Message } from "./http-text.ts";
import type { Observation } from "./side.ts";

const base = observation({});
const same = [
  {
    name: "dates",
    one: answer("date", "Wed, 25 Nov 2026 04:29:30 GMT"),
    other: answer("date", "Thu, 26 Nov 2026 05:00:00 GMT"),
  },
  {
    name: "service times",
    one: answer("x-envoy-upstream-service-time", "3"),
    other: answer("x-envoy-upstream-service-time", "12"),
  },
  { name: "ports", one: answer("x-a", "127.0.0.1:12345"), other: answer("x-a", "127.0.0.1:23456") },
  { name: "lanes", one: answer("x-a", "backend_L1"), other: answer("x-a", "backend_L7") },
  {
    name: "random ids",
    one: answer("x-request-id", "9b0f66ba-718b-45a8-8688-0c155db2356d"),
    other: answer("x-request-id", "0f66ba9b-1b71-4a58-9868-155db2356d0c"),
  },
  {
    name: "what is left for a retry",
    one: answer("x-envoy-expected-rq-timeout-ms", "14992"),
    other: answer("x-envoy-expected-rq-timeout-ms", "14988"),
  },
];
const changes: { where: string; change: Partial<Observation> }[] = [
  { where: "answer: first line", change: { messages: [message({ line: "HTTP/1.1 200 Okay" })] } },
  { where: "answer: server", change: { messages: [message({ headers: [["Server", "envoy"]] })] } },
  { where: "answer: body", change: { messages: [message({ body: "no" })] } },
  { where: "answer: complete", change: { messages: [message({ complete: false })] } },
  { where: "answer trailers: t", change: { messages: [message({ trailers: [["t", "1"]] })] } },
  { where: "number of answers", change: { messages: [] } },
  { where: "bytes after the answers", change: { rest: "x" } },
  { where: "connection", change: { ending: "fin" } },
  { where: "number of backend requests", change: { seen: [] } },
  { where: "backend connections", change: { seen: [{ ...message({}), connection: 1, host: "" }] } },
  { where: "log: code", change: { log: [{ client: "1", code: 201 }] } },
  { where: "number of log lines", change: { log: [] } },
  { where: "stats", change: { stats: ["a: 1"] } },
];

describe("comparing two observations", () => {
  for (const { name, one, other } of same) {
    test(`${name} are masked`, () => expect(differences(one, other)).toEqual([]));
  }
  for (const { where, change } of changes) {
    test(`a difference is told at ${where}`, () => {
      expect(differences(base, observation(change)).map((difference) => difference.where)).toContain(where);
    });
  }
  test("the trace digit of a request id is compared", () => {
    const other = answer("x-request-id", "9b0f66ba-718b-95a8-8688-0c155db2356d");
    expect(differences(same[4].one, other)).toHaveLength(1);
  });
  test("the order of fields alone is no difference, but noticed", () => {
    const [one, other] = [
      ["a", "b"],
      ["b", "a"],
    ].map((names) => observation({ messages: [message({ headers: names.map((name) => [name, "1"]) })] }));
    expect(differences(one, other)).toEqual([]);
    expect(isFieldOrderDifferent(one, other)).toBe(true);
  });
});

function answer(name: string, value: string): Observation {
  return observation({ messages: [message({ headers: [[name, value]] })] });
}

function observation(change: Partial<Observation>): Observation {
  const seen = [{ ...message({ line: "GET / HTTP/1.1" }), connection: 0, host: "" }];
  return {
    messages: [message({})],
    rest: "",
    ending: "open",
    localPort: 1,
    seen,
    log: [{ client: "1", code: 200 }],
    stats: [],
    ...change,
  };
}

function message(change: Partial<Message>): Message {
  return {
    line: "HTTP/1.1 200 OK",
    headers: [["server", "envoy"]],
    body: "ok",
    trailers: [],
    complete: true,
    length: 0,
    ...change,
  };
}
