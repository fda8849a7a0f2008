import { describe, expect, test } from "vitest";
import { readMessage } from "./http-text.ts";

const cases = [
  {
    name: "a body of known length",
    text: "HTTP/1.1 200 OK\r\na: 1\r\ncontent-length: 2\r\n\r\nokHTTP/1.1",
    body: "ok",
    complete: true,
    rest: "HTTP/1.1",
  },
  {
    name: "a body that is not there yet",
    text: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok",
    body: "ok",
    complete: false,
    rest: "",
  },
  {
    name: "chunks and trailers",
    text: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nt: 1\r\n\r\nnext",
    body: "ok",
    complete: true,
    rest: "next",
  },
  {
    name: "a chunk that is cut",
    text: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nok",
    body: "ok",
    complete: false,
    rest: "",
  },
  {
    name: "204 has no body",
    text: "HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nok",
    body: "",
    complete: true,
    rest: "ok",
  },
  {
    name: "a body that ends with the connection",
    text: "HTTP/1.1 200 OK\r\n\r\nok",
    body: "ok",
    complete: false,
    rest: "",
  },
];

describe("the test's own reader", () => {
  for (const item of cases) {
    test(item.name, () => {
      const message = readMessage(item.text, 0, { kind: "response", bodyless: false, ended: false });
      const { body, complete, rest } = item;
      expect(
        message && { body: message.body, complete: message.complete, rest: item.text.slice(message.length) },
      ).toEqual({ body, complete, rest });
    });
  }
  test("an answer to HEAD has no body", () => {
    const text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
    expect(readMessage(text, 0, { kind: "response", bodyless: true, ended: false })?.complete).toBe(true);
  });
  test("half a head is no message", () => {
    expect(
      readMessage("GET / HTTP/1.1\r\nhost: a\r\n", 0, { kind: "request", bodyless: false, ended: false }),
    ).toBeNull();
  });
});
