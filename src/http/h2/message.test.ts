import { expect, test } from "vitest";
import { ErrorCode } from "./frames.ts";
import { get, headers, hello, ServerRecorder } from "./h2-recorder.ts";
import type { Http2Options } from "./settings.ts";

// Numbers are those of the list of attacks that the project keeps.
const malformed = [`RST 1 ${ErrorCode.protocolError}`];

const badFields: [string, string, string][] = [
  ["46 an upper-case name", "X-a", "1"],
  ["46 LF in a value", "x-a", "a\nb"],
  ["46 CR in a value", "x-a", "a\rb"],
  ["46 NUL in a value", "x-a", "a\0b"],
  ["46 a colon in a name", "x:a", "1"],
  ["46 a space in a name", "x a", "1"],
  ["46 an empty name", "", "1"],
  ["46 a control character in a value", "x-a", "\x01"],
  ["46 DEL in a value", "x-a", "\x7f"],
  ["46 obs-text in a name", "x-\xe9", "1"],
  ["47 blanks around a value", "x-a", " b "],
  ["45 content-length +5", "content-length", "+5"],
  ["45 content-length of too many digits", "content-length", "1".repeat(20)],
  ["45 an empty content-length", "content-length", ""],
  ["49 a pseudo-field behind a regular one", ":path", "/"],
  ["49 an unknown pseudo-field", ":x", "/"],
  ["50 connection", "connection", "close"],
  ["50 transfer-encoding", "transfer-encoding", "chunked"],
  ["50 te: gzip", "te", "gzip"],
  ["50 upgrade", "upgrade", "h2c"],
  ["50 keep-alive", "keep-alive", "1"],
  ["50 proxy-connection", "proxy-connection", "x"],
];
for (const [name, field, value] of badFields) {
  test(name, () => {
    const run = new ServerRecorder();
    run.feed(hello);
    run.feed(headers(1, get("/", [field, value])));
    expect(run.endings).toEqual(malformed);
    expect(run.events).toEqual(["1 reset protocol_error http2.invalid.header.field"]);
    expect(run.shared.counters.rx_messaging_error).toBe(1);
  });
}

const badPseudo: [string, [string, string][]][] = [
  ["49 no :method", get("/").slice(1)],
  ["49 no :scheme", get("/").filter(([name]) => name !== ":scheme")],
  ["49 no :path", get("/").filter(([name]) => name !== ":path")],
  ["49 no :authority and no host", get("/").slice(0, 3)],
  ["49 a second :path", [...get("/"), [":path", "/"]]],
  ["49 an empty :path", get("")],
  ["49 :status in a request", [...get("/"), [":status", "200"]]],
  ["51 :path with CR LF", get("/\r\nx: y")],
  ["51 :path with a space", get("/a b")],
  ["51 :path without a slash", get("a")],
  ["51 :path * but for OPTIONS", get("*")],
  ["51 an absolute :path", get("http://a/")],
  ["52 :method with a space", [[":method", "GET /x"], ...get("/").slice(1)]],
  ["53 :authority with userinfo", [...get("/").slice(0, 3), [":authority", "u@a"]]],
  ["53 :authority with a path", [...get("/").slice(0, 3), [":authority", "a/b"]]],
  ["53 :authority with CR LF", [...get("/").slice(0, 3), [":authority", "a\r\nb"]]],
  ["53 an empty :authority", [...get("/").slice(0, 3), [":authority", ""]]],
  ["54 :scheme with a slash", [[":method", "GET"], [":scheme", "http://x/"], ...get("/").slice(2)]],
];
for (const [name, fields] of badPseudo) {
  test(name, () => {
    const run = new ServerRecorder();
    run.feed(hello);
    run.feed(headers(1, fields));
    expect(run.endings).toEqual(malformed);
    expect(run.events.length).toBe(1);
  });
}

const good: [string, [string, string][], string, Partial<Http2Options>?][] = [
  ["50 te: trailers", get("/", ["te", "trailers"]), "1 GET http://a.test/ [te=trailers] end"],
  [
    "52 cookie crumbs",
    get("/", ["cookie", "a=1"], ["x", "y"], ["cookie", "b=2"]),
    "1 GET http://a.test/ [cookie=a=1; b=2 | x=y] end",
  ],
  ["53 host differs from :authority", get("/", ["host", "b.test"]), "1 GET http://a.test/ [] end"],
  ["53 host without :authority", [...get("/").slice(0, 3), ["host", "b.test"]], "1 GET http://b.test/ [] end"],
  ["51 OPTIONS *", [[":method", "OPTIONS"], ...get("*").slice(1)], "1 OPTIONS http://a.test* [] end"],
  ["52 an unknown method", [[":method", "foo"], ...get("/").slice(1)], "1 foo http://a.test/ [] end"],
  ["48 obs-text in a value", get("/", ["x-a", "\xe9"]), "1 GET http://a.test/ [x-a=\xe9] end"],
  ["48 an underscore dropped", get("/", ["x_a", "1"]), "1 GET http://a.test/ [] end", { underscores: "DROP_HEADER" }],
  [
    "47 blanks around a value, leniently",
    get("/", ["x-a", " b "]),
    "1 GET http://a.test/ [x-a= b ] end",
    { leniency: true },
  ],
  [
    "55 CONNECT",
    [
      [":method", "CONNECT"],
      [":authority", "a:1"],
    ],
    "1 CONNECT ://a:1 [] end",
  ],
  [
    "55 extended CONNECT",
    connect(),
    "1 GET http://a.test/ [upgrade=websocket | connection=upgrade] end",
    { allowConnect: true },
  ],
];
for (const [name, fields, expected, options] of good) {
  test(name, () => {
    const run = new ServerRecorder(options);
    run.feed(hello);
    run.feed(headers(1, fields));
    expect(run.events).toEqual([expected]);
    expect(run.endings).toEqual([]);
  });
}

function connect(): [string, string][] {
  return [[":method", "CONNECT"], [":protocol", "websocket"], ...get("/").slice(1)];
}
