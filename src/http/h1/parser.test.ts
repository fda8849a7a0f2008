import { describe, expect, test } from "vitest";
import { RequestHead } from "../header-block.ts";
import { knownNames } from "../names.ts";
import { ClientRecorder, feedText, ServerRecorder } from "./h1-recorder.ts";
import { defaultHttp1Options, type Http1Options } from "./options.ts";
import { RequestParser } from "./parser.ts";
import { properCase, reasonPhrase } from "./serializer.ts";

function errorsOf(text: string, options: Partial<Http1Options>, cut: number): string {
  const run = new ServerRecorder({ ...defaultHttp1Options, ...options }, "end");
  feedText(run.codec, text, cut);
  return run.errors.map((error) => `${error.status} ${error.details} ${error.flag}`).join();
}

describe("limits and options", () => {
  const head = "GET / HTTP/1.1\r\nHost: x\r\n";
  const table: readonly (readonly [string, string, Partial<Http1Options>, string])[] = [
    ["a head of just the limit", `${head}a: b\r\n\r\n`, { maxHeadBytes: 33 }, ""],
    ["a head of one byte more", `${head}a: bc\r\n\r\n`, { maxHeadBytes: 33 }, "431 http1.headers_too_large DPE"],
    ["a head without end", `${head}a: ${"b".repeat(50)}`, { maxHeadBytes: 60 }, "431 http1.headers_too_large DPE"],
    ["just enough fields", `${head}a: b\r\n\r\n`, { maxHeaders: 2 }, ""],
    ["a field too many", `${head}a: b\r\nc: d\r\n\r\n`, { maxHeaders: 2 }, "431 http1.too_many_headers DPE"],
    [
      "an underscore, refused",
      `${head}a_b: c\r\n\r\n`,
      { underscores: "REJECT_REQUEST" },
      "400 http1.unexpected_underscore DPE",
    ],
    ["an underscore, let through", `${head}a_b: c\r\n\r\n`, {}, ""],
    ["a custom method", "FOO / HTTP/1.1\r\nHost: x\r\n\r\n", { allowCustomMethods: true }, ""],
    ["a known method", "NOTIFY / HTTP/1.1\r\nHost: x\r\n\r\n", {}, ""],
    ["no Host", "GET / HTTP/1.1\r\n\r\n", {}, "400 missing_host_header "],
    ["a TLS hello", "\x16\x03\x01", {}, "400 http1.codec_error DPE"],
    [
      "CONNECT with content",
      "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
      {},
      "400 http1.body_disallowed DPE",
    ],
    ["nine nominated fields", `${head}Connection: a,b,c,d,e,f,g,h,i\r\n\r\n`, {}, ""],
    [
      "ten nominated fields",
      `${head}Connection: a,b,c,d,e,f,g,h,i,j\r\n\r\n`,
      {},
      "400 http1.connection_header_rejected DPE",
    ],
  ];
  for (const [name, text, options, error] of table) {
    test(name, () => {
      for (let cut = -1; cut <= text.length; cut++) expect(errorsOf(text, options, cut)).toBe(error);
    });
  }

  test("too many trailers", () => {
    const trailers = "a: b\r\n".repeat(101);
    const text = `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${trailers}\r\n`;
    expect(errorsOf(text, {}, 0)).toBe("431 http1.too_many_trailers DPE");
    expect(errorsOf(text, { leniency: true }, 0)).toBe("");
  });

  test("an underscore field is dropped on request", () => {
    const run = new ServerRecorder({ ...defaultHttp1Options, underscores: "DROP_HEADER" }, "end");
    feedText(run.codec, `${head}a_b: c\r\nd: e\r\n\r\n`, 0);
    expect(run.events).toEqual(["GET x / [d=e] end"]);
  });
});

test("preserve_case writes names as they came, fields added later in lower case", () => {
  const options: Http1Options = { ...defaultHttp1Options, headerCase: "preserve" };
  const server = new RequestParser(options);
  const text = "GET / HTTP/1.1\r\nHOST: x\r\nX-oDD: 1\r\nx-low: 2\r\n\r\n";
  for (let i = 0; i < 2; i++) {
    server.reset();
    expect(server.feed(Buffer.from(text), 0, text.length)).toBe(text.length);
    server.head.append("x-added", "3");
    const client = new ClientRecorder(options);
    client.codec.newStream(client.sink()).writeHead(server.head, true);
    expect(client.output.text).toBe("GET / HTTP/1.1\r\nHOST: x\r\nX-oDD: 1\r\nx-low: 2\r\nx-added: 3\r\n\r\n");
  }
});

test("a reset parser equals a new one, whatever it parsed", () => {
  const used = new RequestParser(defaultHttp1Options);
  const texts = [
    "GET /a HTTP/1.1\r\nHost: b\r\nx: y\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a,b\r\n\r\n",
    "GET / HT",
    "\0",
  ];
  for (const text of texts) {
    used.feed(Buffer.from(text), 0, text.length);
    used.reset();
    const fresh = new RequestParser(defaultHttp1Options);
    const head = (parser: RequestParser): unknown[] => {
      const next = "GET /n HTTP/1.1\r\nHost: n\r\nContent-Length: 1\r\n\r\n";
      const end = parser.feed(Buffer.from(next), 0, next.length);
      const { method, path, authority, scheme, size, names, values } = parser.head;
      const { used: bytes, error, isHttp10, framing } = parser;
      return [
        end,
        method,
        path,
        authority,
        scheme,
        size,
        names.slice(0, size),
        values.slice(0, size),
        bytes,
        error,
        isHttp10,
        { ...framing },
      ];
    };
    expect(head(used)).toEqual(head(fresh));
    used.reset();
  }
  const plain = { ...new RequestHead() };
  expect({ ...used.head, names: [], values: [], ids: [] }).toEqual({ ...plain, names: [], values: [], ids: [] });
  for (let id = 0; id < knownNames.length; id++) expect(used.head.has(id)).toBe(false);
});

test("a long head cut into bytes", () => {
  const run = new ServerRecorder({ ...defaultHttp1Options, maxHeadBytes: 1 << 20 }, "end");
  const text = `GET / HTTP/1.1\r\nHost: x\r\nx: ${"a".repeat(400_000)}\r\n\r\n`;
  const byte = Buffer.alloc(1);
  for (let i = 0; i < text.length; i++) {
    byte[0] = text.charCodeAt(i);
    run.codec.feed(byte, 1);
  }
  expect(run.requests).toBe(1);
});

test("names and words as Envoy writes them", () => {
  expect(properCase("x-request-id")).toBe("X-Request-Id");
  expect(reasonPhrase(418)).toBe("Unknown");
  expect(reasonPhrase(299)).toBe("Unknown");
});
