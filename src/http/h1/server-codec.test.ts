import { expect, test } from "vitest";
import { HeaderBlock, ResponseHead } from "../header-block.ts";
import { type AnswerAt, feedText, ServerRecorder } from "./h1-recorder.ts";
import { defaultHttp1Options, type Http1Options } from "./options.ts";

interface Exchange {
  name: string;
  send: string;
  answerAt?: AnswerAt;
  options?: Partial<Http1Options>;
  events: string[];
  wire: string;
  closes?: boolean;
}

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const okClose = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
const exchanges: Exchange[] = [
  {
    name: "a GET has its Host taken out and names in lower case",
    send: "GET /a?b HTTP/1.1\r\nHost: x:80\r\nX-A:  b c \t\r\nuser-Agent: t\r\n\r\n",
    events: ["GET x:80 /a?b [x-a=b c | user-agent=t] end"],
    wire: ok,
  },
  {
    name: "a body by Content-Length, its text made canonical",
    send: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 005\r\n\r\nhello",
    events: ["POST x / [content-length=5]", "data hello", "end"],
    wire: ok,
  },
  {
    name: "a chunked body with extensions; trailers are dropped by default",
    send: 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n5;a="\\";";b=c\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n',
    events: ["POST x / [transfer-encoding=Chunked]", "data hello!", "end"],
    wire: ok,
  },
  {
    name: "trailers are passed on with enable_trailers, without framing fields",
    send: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n",
    options: { enableTrailers: true },
    events: ["POST x / [transfer-encoding=chunked]", "data a", "trailers [x-t=1]"],
    wire: ok,
  },
  {
    name: "pipelined requests are answered in order",
    send: "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: y\r\n\r\n",
    events: ["GET x /1 [] end", "GET y /2 [] end"],
    wire: ok + ok,
  },
  {
    name: "an answer in front of the body: the body is drained and the next request served",
    send: "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
    answerAt: "head",
    events: ["POST x /1 [content-length=5]", "GET x /2 [] end"],
    wire: ok + ok,
  },
  {
    name: "Connection: close is honoured and nothing more served",
    send: "GET /1 HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
    events: ["GET x /1 [connection=foo, Close] end"],
    wire: okClose,
    closes: true,
  },
  {
    name: "HTTP/1.0 with keep-alive",
    send: "GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    options: { acceptHttp10: true, defaultHostForHttp10: "d" },
    events: ["GET x / [connection=keep-alive] end", "GET d / [] end"],
    wire:
      "HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok" +
      "HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
    closes: true,
  },
  {
    name: "an absolute target wins over Host",
    send: "GET HTTPS://a.test?q HTTP/1.1\r\nHost: b.test\r\n\r\n",
    events: ["GET https://a.test /?q [] end"],
    wire: ok,
  },
  {
    name: "OPTIONS *",
    send: "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    events: ["OPTIONS x * [] end"],
    wire: ok,
  },
  {
    name: "an offer of h2c is dropped",
    send: "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
    events: ["GET x / [] end"],
    wire: ok,
  },
  {
    name: "an upgrade that is not granted closes; what is behind it is no request",
    send: "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
    answerAt: "head",
    events: ["GET x / [upgrade=foo | connection=Upgrade]"],
    wire: okClose,
    closes: true,
  },
];

for (const c of exchanges) {
  test(c.name, () => {
    for (let cut = -1; cut <= c.send.length; cut++) {
      const run = new ServerRecorder({ ...defaultHttp1Options, ...c.options }, c.answerAt ?? "end");
      feedText(run.codec, c.send, cut);
      expect(run.events).toEqual(c.events);
      expect(run.output.text).toBe(c.wire);
      expect(run.codec.shouldClose).toBe(c.closes === true);
    }
  });
}

test("a reused codec gives the same events as a new one", () => {
  const run = new ServerRecorder(defaultHttp1Options, "end");
  for (let i = 0; i < 50; i++) {
    for (const c of exchanges) {
      if (c.closes === true || c.options !== undefined || c.answerAt !== undefined) continue;
      run.events.length = 0;
      run.output.text = "";
      feedText(run.codec, c.send, i);
      expect(run.events).toEqual(c.events);
      expect(run.output.text).toBe(c.wire);
    }
  }
});

test("pipelined bytes wait for the answer, with the input paused", async () => {
  const run = new ServerRecorder(defaultHttp1Options, "never");
  feedText(run.codec, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTT", 10);
  feedText(run.codec, "P/1.1\r\nHost: x\r\n\r\n", 3);
  expect(run.events).toEqual(["GET x /1 [] end"]);
  expect(run.isPaused).toBe(true);
  for (let i = 2; i <= 3; i++) {
    if (run.writer !== null) run.answer(run.writer);
    await Promise.resolve();
    expect(run.events.at(-1)).toBe(`GET x /${i} [] end`);
  }
  expect(run.isPaused).toBe(false);
  if (run.writer !== null) run.answer(run.writer);
  expect(run.output.text).toBe(ok + ok + ok);
});

test("101 makes a tunnel, and what came early goes through it", async () => {
  const run = new ServerRecorder(defaultHttp1Options, "never");
  const head = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  feedText(run.codec, `${head}early`, head.length);
  expect(run.events).toHaveLength(1);
  const response = new ResponseHead();
  response.status = 101;
  response.append("connection", "Upgrade");
  response.append("upgrade", "websocket");
  run.writer?.writeHead(response, false);
  await Promise.resolve();
  feedText(run.codec, " late", 5);
  expect(run.events.at(-1)).toBe("data early late");
  run.writer?.writeData(Buffer.from("back"), false);
  expect(run.output.text).toBe(
    "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nback",
  );
  run.codec.onTransportEnd();
  expect(run.events.at(-1)).toBe("end");
});

interface Answer {
  name: string;
  method?: string;
  status: number;
  fields?: readonly (readonly [string, string])[];
  body: readonly string[] | null;
  trailer?: string;
  options?: Partial<Http1Options>;
  wire: string;
  closes?: boolean;
}

const answers: Answer[] = [
  {
    name: "no body: content-length 0",
    status: 418,
    body: null,
    wire: "HTTP/1.1 418 Unknown\r\ncontent-length: 0\r\n\r\n",
  },
  { name: "204 has no framing", status: 204, body: null, wire: "HTTP/1.1 204 No Content\r\n\r\n" },
  { name: "304 has no framing", status: 304, body: null, wire: "HTTP/1.1 304 Not Modified\r\n\r\n" },
  {
    name: "HEAD says chunked and sends nothing",
    method: "HEAD",
    status: 200,
    body: ["abc"],
    wire: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
  },
  {
    name: "a body of unknown length is chunked",
    status: 200,
    fields: [["transfer-encoding", "gzip"]],
    body: ["hello", "", "world!!!!!!!!!!!!"],
    wire: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n11\r\nworld!!!!!!!!!!!!\r\n0\r\n\r\n",
  },
  {
    name: "trailers are written with enable_trailers",
    status: 200,
    body: ["a"],
    trailer: "x-t",
    options: { enableTrailers: true },
    wire: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-t: 1\r\n\r\n",
  },
  {
    name: "trailers are dropped without",
    status: 200,
    body: ["a"],
    trailer: "x-t",
    wire: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
  },
  {
    name: "a body longer than Content-Length is cut",
    status: 200,
    fields: [["content-length", "3"]],
    body: ["abcdef"],
    wire: "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
  },
  {
    name: "a body shorter than Content-Length closes",
    status: 200,
    fields: [["content-length", "9"]],
    body: ["abc"],
    wire: "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
    closes: true,
  },
  {
    name: "Proper-Case on request",
    status: 200,
    fields: [["x-request-id", "1"]],
    body: ["a"],
    options: { headerCase: "proper" },
    wire: "HTTP/1.1 200 OK\r\nX-Request-Id: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
  },
];

for (const c of answers) {
  test(`answer: ${c.name}`, () => {
    const run = new ServerRecorder({ ...defaultHttp1Options, ...c.options }, "never");
    feedText(run.codec, `${c.method ?? "GET"} / HTTP/1.1\r\nHost: x\r\n\r\n`, 0);
    const head = new ResponseHead();
    head.status = c.status;
    for (const [name, value] of c.fields ?? []) head.append(name, value);
    run.writer?.writeHead(head, c.body === null);
    const body = c.body ?? [];
    body.forEach((part, i) => {
      run.writer?.writeData(Buffer.from(part), i === body.length - 1 && c.trailer === undefined);
    });
    if (c.trailer !== undefined) {
      const trailers = new HeaderBlock();
      trailers.append(c.trailer, "1");
      run.writer?.writeTrailers(trailers);
    }
    expect(run.output.text).toBe(c.wire);
    expect(run.codec.shouldClose).toBe(c.closes === true);
  });
}
