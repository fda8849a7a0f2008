import { FrameFlag, FrameType } from "../../src/http/h2/frames.ts";
import { frame, get, headers, literals } from "../../src/http/h2/h2-recorder.ts";
import { type AttackCase, noRequest, streamOnly } from "./h2-attack-case.ts";

const { data, headers: headersType, continuation } = FrameType;
const { endHeaders, endStream } = FrameFlag;

type Field = [string, string];

const ok = (id: number) => headers(id, get("/"));
/** A block of HPACK as hex. */
const block = (hex: string) => [frame(headersType, endHeaders | endStream, 1, hex)];
/** GET / for a.test by the static table. */
const start = "828684 4106 612e74657374";

/** A field list of any size in one HEADERS and as many CONTINUATION as it takes. */
function long(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16384) {
    const isLast = at + 16384 >= bytes.length;
    const flags = (at === 0 ? endStream : 0) | (isLast ? endHeaders : 0);
    parts.push(frame(at === 0 ? headersType : continuation, flags, 1, bytes.subarray(at, at + 16384)));
  }
  return parts;
}

/** One entry of the dynamic table, then references to it. */
function bomb(entry: string, value: string, references: number): Buffer[] {
  const length =
    value.length < 127 ? [value.length] : [127, ((value.length - 127) & 127) | 128, (value.length - 127) >> 7];
  const head = Buffer.from((start + entry).replaceAll(" ", ""), "hex");
  return [
    ...long(Buffer.concat([head, Buffer.from(length), Buffer.from(value), Buffer.alloc(references, 0xbe)])),
    ok(3),
  ];
}

/** A GET with more fields, then a good one. */
const fields = (name: string, why: string | null, ...more: Field[]): AttackCase => ({
  name,
  bytes: [headers(1, get("/", ...more)), ok(3)],
  why,
});
/** A list of its own, then a good request. */
const list = (name: string, why: string | null, ...all: Field[]): AttackCase => ({
  name,
  bytes: [headers(1, all), ok(3)],
  why,
});
const replaced = (by: Record<string, string>): Field[] =>
  get("/").map(([name, value]): Field => [name, by[name] ?? value]);
const without = (...names: string[]): Field[] => get("/").filter(([name]) => !names.includes(name));

function upload(name: string, why: string | null, length: string[], parts: [number, boolean][]): AttackCase {
  const more = length.map((value): Field => ["content-length", value]);
  const body = parts.map(([size, isLast]) => frame(data, isLast ? endStream : 0, 1, size));
  return { name, bytes: [headers(1, get("/", ...more), parts.length === 0), ...body, ok(3)], why };
}

const trailers = (name: string, why: string | null, isLast: boolean, ...more: Field[]): AttackCase => ({
  name,
  bytes: [headers(1, get("/silent"), false), frame(data, 0, 1, 2), headers(1, more, isLast), ok(3)],
  why,
});

/** Attacks by what header blocks and messages say. */
export const fieldAttacks: readonly AttackCase[] = [
  {
    name: "10 a header list of 70 KiB",
    bytes: [...long(literals(get("/", ...Array.from({ length: 10 }, (): Field => ["x", "a".repeat(7000)])))), ok(3)],
    why: null,
  },
  fields("11 150 fields", null, ...Array.from({ length: 150 }, (): Field => ["x", "y"])),
  { name: "12 an HPACK bomb", bytes: bomb("400178", "a".repeat(3900), 10_000), why: null },
  { name: "13 12000 cookie crumbs", bytes: bomb("60", "a", 12_000), why: null },
  fields("13 three cookie crumbs", null, ["cookie", "a=1"], ["cookie", "b=2"], ["cookie", "c=3"]),
  { name: "14 12000 host fields that are dropped", bytes: bomb("66", "a", 12_000), why: streamOnly },
  { name: "15 HPACK index 200", bytes: block("ff49"), why: noRequest },
  { name: "15 HPACK index 0", bytes: block("80"), why: noRequest },
  { name: "16 a table size above the limit", bytes: block(`3fe21f ${start}`), why: noRequest },
  { name: "16 a table size at the end of a block", bytes: block(`${start} 20`), why: noRequest },
  { name: "17 an HPACK integer without end", bytes: block(`${start} ${"ff".repeat(21)}`), why: noRequest },
  { name: "17 a string longer than its block", bytes: block("828684 417e 61"), why: noRequest },
  { name: "18 the EOS symbol", bytes: block("828684 4184 ffffffff"), why: noRequest },
  { name: "18 padding of 11 bits", bytes: block("828684 4182 1fff"), why: noRequest },
  { name: "18 padding of zeros", bytes: block("828684 4181 18"), why: noRequest },
  trailers("43 trailers without END_STREAM", streamOnly, false, ["x-t", "1"]),
  trailers("43 trailers with a pseudo-header", streamOnly, true, [":path", "/"]),
  upload("44 a content-length above the body", null, ["10"], [[5, true]]),
  upload("44 a content-length below the body", null, ["2"], [[5, true]]),
  upload("44 a content-length without a body", streamOnly, ["5"], []),
  upload("45 two content-lengths", streamOnly, ["5", "6"], [[5, true]]),
  upload("45 content-length +5", streamOnly, ["+5"], [[5, true]]),
  fields("46 a name in capitals", streamOnly, ["X-A", "1"]),
  fields("46 LF in a value", streamOnly, ["x-a", "a\nb"]),
  fields("46 CR in a value", streamOnly, ["x-a", "a\rb"]),
  fields("46 NUL in a value", streamOnly, ["x-a", "a\0b"]),
  fields("46 a colon in a name", streamOnly, ["x:a", "1"]),
  fields("46 a blank in a name", streamOnly, ["x a", "1"]),
  fields("46 an empty name", streamOnly, ["", "1"]),
  fields("46 a control in a value", streamOnly, ["x-a", "a\x01b"]),
  fields("47 blanks around a value", "refused by RFC 9113 section 8.2.1", ["x-a", " b "]),
  fields("48 bytes above 0x7f in a value", null, ["x-a", "caf\xe9"]),
  fields("48 an underscore where it is refused", null, ["x_a", "1"]),
  fields("49 a pseudo-header behind fields", streamOnly, ["x-a", "1"], [":path", "/"]),
  fields("49 an unknown pseudo-header", streamOnly, [":x", "1"]),
  fields("49 :path twice", streamOnly, [":path", "/"]),
  list("49 no :method", streamOnly, ...without(":method")),
  list("49 no :path", streamOnly, ...without(":path")),
  list("49 no :scheme", streamOnly, ...without(":scheme")),
  list("49 an empty :path", streamOnly, ...replaced({ ":path": "" })),
  list("49 no :authority and no host", streamOnly, ...without(":authority")),
  fields("49 :status in a request", streamOnly, [":status", "200"]),
  fields("50 connection", streamOnly, ["connection", "close"]),
  fields("50 transfer-encoding", streamOnly, ["transfer-encoding", "chunked"]),
  fields("50 te: gzip", streamOnly, ["te", "gzip"]),
  fields("50 upgrade", streamOnly, ["upgrade", "h2c"]),
  fields("50 keep-alive", streamOnly, ["keep-alive", "1"]),
  fields("50 proxy-connection", streamOnly, ["proxy-connection", "close"]),
  fields("50 te: trailers", null, ["te", "trailers"]),
  list("51 CRLF in :path", streamOnly, ...replaced({ ":path": "/\r\nx: y" })),
  list("51 a blank in :path", streamOnly, ...replaced({ ":path": "/a b" })),
  list("51 :path without a slash", streamOnly, ...replaced({ ":path": "a" })),
  list("51 :path *", streamOnly, ...replaced({ ":path": "*" })),
  list("51 a fragment in :path", null, ...replaced({ ":path": "/a#b" })),
  list("51 a URI in :path", streamOnly, ...replaced({ ":path": "http://b.test/" })),
  list("52 blanks in :method", streamOnly, ...replaced({ ":method": "GET /smuggled HTTP/1.1" })),
  list("52 an unknown :method", null, ...replaced({ ":method": "foo" })),
  fields("53 host that is not :authority", null, ["host", "b.test"]),
  list("53 host only", null, ...without(":authority"), ["host", "a.test"]),
  list("53 :authority with userinfo", streamOnly, ...replaced({ ":authority": "u@a.test" })),
  list("53 :authority with a path", streamOnly, ...replaced({ ":authority": "a.test/x" })),
  list("53 :authority with CRLF", streamOnly, ...replaced({ ":authority": "a.test\r\nx: y" })),
  list("53 an empty :authority", streamOnly, ...replaced({ ":authority": "" })),
  list("54 :scheme https in cleartext", null, ...replaced({ ":scheme": "https" })),
  list("54 :scheme with a path", streamOnly, ...replaced({ ":scheme": "http://b.test/" })),
  list("55 CONNECT where it is not allowed", null, [":method", "CONNECT"], [":authority", "a.test:80"]),
  list("55 CONNECT with :path", streamOnly, ...replaced({ ":method": "CONNECT" })),
  list("55 extended CONNECT that was not offered", streamOnly, ...replaced({ ":method": "CONNECT" }), [
    ":protocol",
    "websocket",
  ]),
  {
    name: "56 expect: 100-continue",
    bytes: [headers(1, get("/", ["expect", "100-continue"]), false), frame(data, endStream, 1, 5)],
    why: null,
  },
  {
    name: "57 fifty malformed requests",
    bytes: Array.from({ length: 50 }, (_, i) => headers(2 * i + 1, get("/", ["A", "1"]))),
    why: streamOnly,
  },
];
