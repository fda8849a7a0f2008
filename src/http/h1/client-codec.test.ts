import { expect, test } from "vitest";
import { RequestHead } from "../header-block.ts";
import { ClientRecorder, feedText } from "./h1-recorder.ts";
import { defaultHttp1Options } from "./options.ts";

interface Reply {
  name: string;
  method?: string;
  fields?: readonly (readonly [string, string])[];
  receive: string;
  ends?: boolean;
  events: string[];
  reusable: boolean;
}

const replies: Reply[] = [
  {
    name: "by Content-Length",
    receive: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    events: ["200 [content-length=5]", "data hello", "end"],
    reusable: true,
  },
  {
    name: "chunked",
    receive: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n",
    events: ["200 [transfer-encoding=chunked]", "data abcdef", "end"],
    reusable: true,
  },
  {
    name: "until the connection ends",
    receive: "HTTP/1.1 200 OK\r\n\r\nhello",
    ends: true,
    events: ["200 []", "data hello", "end"],
    reusable: false,
  },
  { name: "204", receive: "HTTP/1.1 204 No Content\r\n\r\n", events: ["204 [] end"], reusable: true },
  {
    name: "304 with Content-Length",
    receive: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    events: ["304 [content-length=5] end"],
    reusable: true,
  },
  {
    name: "to HEAD",
    method: "HEAD",
    receive: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    events: ["200 [content-length=5] end"],
    reusable: true,
  },
  {
    name: "behind 1xx",
    receive:
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    events: ["100 []", "103 [link=a]", "200 [content-length=0] end"],
    reusable: true,
  },
  {
    name: "with Connection: close",
    receive: "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    events: ["200 [connection=close | content-length=0] end"],
    reusable: false,
  },
  {
    name: "HTTP/1.0",
    receive: "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    events: ["200 [content-length=0] end"],
    reusable: false,
  },
  {
    name: "cut in the body",
    receive: "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
    ends: true,
    events: ["200 [content-length=9]", "data abc", "reset protocol_error http1.codec_error"],
    reusable: false,
  },
  { name: "none", receive: "", ends: true, events: ["reset connection_termination "], reusable: false },
  { name: "garbage", receive: "SSH-2.0-x\r\n", events: ["reset protocol_error http1.codec_error"], reusable: false },
  {
    name: "101 that nobody asked for",
    receive: "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    events: ["reset protocol_error http1.codec_error"],
    reusable: false,
  },
  {
    name: "101 to an upgrade",
    fields: [
      ["connection", "upgrade"],
      ["upgrade", "foo"],
    ],
    receive: "HTTP/1.1 101 Switching Protocols\r\n\r\nraw\r\n\r\n",
    events: ["101 []", "data raw\r\n\r\n"],
    reusable: false,
  },
  {
    name: "200 to CONNECT",
    method: "CONNECT",
    receive: "HTTP/1.1 200 OK\r\n\r\nraw",
    ends: true,
    events: ["200 []", "data raw", "end"],
    reusable: false,
  },
];

for (const c of replies) {
  test(`response ${c.name}`, () => {
    for (let cut = -1; cut <= c.receive.length; cut++) {
      const run = new ClientRecorder(defaultHttp1Options);
      run.request(c.method ?? "GET", c.fields);
      feedText(run.codec, c.receive, cut);
      if (c.ends === true) run.codec.onTransportEnd();
      expect(run.events).toEqual(c.events);
      expect(run.codec.canReuse).toBe(c.reusable);
    }
  });
}

test("bytes behind a response make the connection useless before the sink hears the end", () => {
  const run = new ClientRecorder(defaultHttp1Options);
  run.request("GET");
  feedText(run.codec, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 0);
  expect(run.events).toHaveLength(1);
  expect(run.codec.canReuse).toBe(false);
});

test("a response in front of the request's end: not reusable until the request is whole", () => {
  const run = new ClientRecorder(defaultHttp1Options);
  const head = new RequestHead();
  head.method = "POST";
  head.path = "/x";
  head.authority = "h";
  head.append("x-a", "1");
  const writer = run.codec.newStream(run.sink());
  writer.writeHead(head, false);
  feedText(run.codec, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 0);
  expect(run.codec.canReuse).toBe(false);
  writer.writeData(Buffer.from("abc"), false);
  writer.writeData(Buffer.alloc(0), true);
  expect(run.codec.canReuse).toBe(true);
  expect(run.output.text).toBe(
    "POST /x HTTP/1.1\r\nhost: h\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
  );
});

test("an empty POST says so, an empty GET need not", () => {
  for (const [method, field] of [
    ["POST", "content-length: 0\r\n"],
    ["OPTIONS", "content-length: 0\r\n"],
    ["GET", ""],
    ["DELETE", ""],
  ] as const) {
    const run = new ClientRecorder(defaultHttp1Options);
    run.request(method);
    expect(run.output.text).toBe(`${method} / HTTP/1.1\r\nhost: example.test\r\n${field}\r\n`);
  }
});
