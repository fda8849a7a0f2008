import { attacks, open, silent } from "../../src/http/h2/attacks.test-kit.ts";
import { clientPreface, FrameFlag, FrameType } from "../../src/http/h2/frames.ts";
import { frame, get, headers, literals, number, settings } from "../../src/http/h2/h2-recorder.ts";
import { type AttackCase, goawayFirst, namesFault, noRequest, streamOnly, streamOnlyBudget } from "./h2-attack-case.ts";
import { fieldAttacks } from "./h2-field-attacks.ts";

const { data, headers: headersType, continuation, windowUpdate, rstStream, priority, ping, goAway } = FrameType;
const { settings: settingsType, pushPromise } = FrameType;
const { endHeaders, endStream, padded } = FrameFlag;

const ok = (id: number) => headers(id, get("/"));
const upload = (id: number, path = "/", ...more: [string, string][]) => headers(id, get(path, ...more), false);
const times = (count: number, make: (i: number) => Buffer) => Array.from({ length: count }, (_, i) => make(i));
/** In writes of about 16 KiB: what a client that means it does. */
const pieces = (frames: readonly Buffer[]) => {
  const bytes = Buffer.concat(frames);
  return times(Math.ceil(bytes.length / 16384), (i) => bytes.subarray(i * 16384, i * 16384 + 16384));
};

/** More than the kernel takes of what nobody reads. */
const endless = (one: Buffer) => {
  const piece = Buffer.concat(times(Math.floor(16384 / one.length), () => one));
  return times(1000, () => piece);
};

const x16 = literals([["x", "a value of a few"]]);
const last = frame(continuation, endHeaders, 1, literals([["x-last", "1"]]));

const whyFloods: Readonly<Record<string, string>> = {
  "1 rapid reset": goawayFirst,
  "2 MadeYouReset by WINDOW_UPDATE 0": streamOnlyBudget,
  "2 MadeYouReset by DATA after END_STREAM": streamOnlyBudget,
  "57 malformed requests": streamOnlyBudget,
  "41 DATA for ever new streams that were reset": streamOnlyBudget,
  "3 CONTINUATION without end": noRequest,
  "3 large CONTINUATION without end": noRequest,
  "3 empty CONTINUATION": noRequest,
  "4 empty DATA": goawayFirst,
  "4 DATA of padding only": goawayFirst,
  "8 WINDOW_UPDATE of one byte": goawayFirst,
  "9 PRIORITY": goawayFirst,
  "29 unknown frames": "only so many: each costs work",
};

/** Attacks by kinds and orders of frames. */
const frameAttacks: readonly AttackCase[] = [
  ...attacks
    .filter(({ options }) => options === undefined)
    .map(({ name, make, after, isDeaf }) => ({
      name,
      bytes: isDeaf === true ? endless(make(0)) : pieces(times(after + 2000, make)),
      isDeaf: isDeaf === true,
      hasOpenBlock: name.startsWith("3 "),
      why: whyFloods[name] ?? null,
    })),
  { name: "1 a hundred resets", bytes: pieces(times(100, (i) => Buffer.concat([silent(i), reset(i)]))), why: null },
  {
    name: "2 WINDOW_UPDATE 0 on one stream",
    bytes: [open, frame(windowUpdate, 0, 1, number(0)), ok(3)],
    why: streamOnly,
  },
  {
    name: "2 WINDOW_UPDATE that overflows one stream",
    bytes: [open, frame(windowUpdate, 0, 1, number(0x7fffffff)), ok(3)],
    why: streamOnly,
  },
  {
    name: "2 MadeYouReset by HEADERS after END_STREAM",
    bytes: pieces(times(500, (i) => Buffer.concat([headers(2 * i + 1, get("/silent")), ok(2 * i + 1)]))),
    why: streamOnlyBudget,
  },
  {
    name: "2 MadeYouReset by PRIORITY of wrong length",
    bytes: pieces(times(500, (i) => Buffer.concat([silent(i), frame(priority, 0, 2 * i + 1, 4)]))),
    why: namesFault,
  },
  {
    name: "3 a block in twenty CONTINUATION",
    bytes: [frame(headersType, endStream, 1, "82868441 0161"), ...times(20, () => more(x16)), last],
    why: null,
  },
  {
    name: "19 105 streams where 100 are allowed",
    bytes: pieces(times(105, silent)),
    why: "REFUSED_STREAM: safe to send again",
  },
  {
    name: "20 DATA beyond the stream's window",
    bytes: pieces([upload(1, "/silent"), ...times(400, () => frame(data, 0, 1, 16384))]),
    why: namesFault,
  },
  {
    name: "21 a SETTINGS change that overflows a window",
    bytes: [open, frame(windowUpdate, 0, 1, number(0x7fffffff - 65535)), settings([4, 100_000]), ok(3)],
    why: "the connection's error by RFC 9113 section 6.9.2",
  },
  {
    name: "22 a window of 0 and a hundred large answers",
    bytes: [settings([4, 0]), ...times(90, (i) => headers(2 * i + 1, get("/large")))],
    why: null,
  },
  {
    name: "22 a window of 1 and a hundred large answers",
    bytes: [settings([4, 1]), ...times(90, (i) => headers(2 * i + 1, get("/large")))],
    why: null,
  },
  {
    name: "23 DATA of one byte",
    bytes: pieces([upload(1), ...times(5000, () => frame(data, 0, 1, 1)), frame(data, endStream, 1, 1)]),
    why: null,
  },
  { name: "24 nothing after the preface", bytes: [], why: null },
  {
    name: "24 a header block that does not go on",
    bytes: [frame(headersType, endStream, 1, "82")],
    hasOpenBlock: true,
    why: noRequest,
  },
  {
    name: "24 a preface that does not go on",
    bytes: [clientPreface.subarray(0, 20)],
    isBare: true,
    hasOpenBlock: true,
    why: "request_headers_timeout holds for it too",
  },
  {
    name: "25 GOAWAY, then a request",
    bytes: [Buffer.concat([frame(goAway, 0, 0, "0000000000000000"), ok(1)])],
    why: null,
  },
  {
    name: "26 a wrong preface",
    bytes: [Buffer.from("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), settings()],
    isBare: true,
    why: goawayFirst,
  },
  { name: "26 HTTP/1.1 after the preface", bytes: [Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n")], why: null },
  {
    name: "27 PING before SETTINGS",
    bytes: [Buffer.concat([clientPreface, frame(ping, 0, 0, 8)])],
    isBare: true,
    why: null,
  },
  { name: "28 DATA of 16385 bytes", bytes: [upload(1, "/silent"), frame(data, 0, 1, 16385)], why: namesFault },
  { name: "28 HEADERS of 16385 bytes", bytes: [frame(headersType, 5, 1, 16385)], why: null },
  { name: "28 70000 bytes of an unknown type", bytes: [frame(0xee, 0, 0, 70_000)], why: null },
  { name: "29 an unknown type", bytes: [frame(0xee, 0xff, 0, 10), ok(1)], why: null },
  { name: "29 an unknown setting", bytes: [settings([0x99, 1]), ok(1)], why: null },
  { name: "29 ALTSVC and ORIGIN", bytes: [frame(10, 0, 0, "0000"), frame(12, 0, 0, "000161"), ok(1)], why: null },
  { name: "29 PRIORITY_UPDATE", bytes: [frame(16, 0, 0, "00000001753d31"), ok(1)], why: null },
  { name: "30 DATA on stream 0", bytes: [frame(data, 0, 0, 1)], why: null },
  { name: "30 HEADERS on stream 0", bytes: [ok(0)], why: goawayFirst },
  { name: "30 SETTINGS on stream 1", bytes: [frame(settingsType, 0, 1)], why: goawayFirst },
  { name: "30 PING on stream 1", bytes: [frame(ping, 0, 1, 8)], why: goawayFirst },
  { name: "30 GOAWAY on stream 1", bytes: [frame(goAway, 0, 1, 8)], why: goawayFirst },
  { name: "30 RST_STREAM on stream 0", bytes: [frame(rstStream, 0, 0, 4)], why: goawayFirst },
  { name: "31 DATA on an idle stream", bytes: [frame(data, 0, 1, 1)], why: null },
  { name: "31 RST_STREAM on an idle stream", bytes: [frame(rstStream, 0, 1, 4)], why: goawayFirst },
  { name: "31 WINDOW_UPDATE on an idle stream", bytes: [frame(windowUpdate, 0, 1, number(1))], why: goawayFirst },
  { name: "32 an even stream id", bytes: [ok(2)], why: goawayFirst },
  { name: "32 a lower stream id", bytes: [ok(5), ok(3)], why: "an error by RFC 9113 section 5.1.1" },
  {
    name: "33 HEADERS that depend on themselves",
    bytes: [selfDependent()],
    why: "RFC 7540 section 5.3.1, as h2spec has it",
  },
  {
    name: "33 PRIORITY that depends on itself",
    bytes: [frame(priority, 0, 1, "0000000110"), ok(1)],
    why: "RFC 7540 section 5.3.1, as h2spec has it",
  },
  { name: "34 padding longer than HEADERS", bytes: [frame(headersType, 5 | padded, 1, "ff82868441 0161")], why: null },
  {
    name: "34 padding longer than DATA",
    bytes: [upload(1, "/silent"), frame(data, padded, 1, "ff6161")],
    why: namesFault,
  },
  { name: "35 CONTINUATION alone", bytes: [frame(continuation, endHeaders, 1, "82")], why: null },
  {
    name: "35 PING inside a header block",
    bytes: [frame(headersType, endStream, 1, "82"), frame(ping, 0, 0, 8)],
    why: noRequest,
  },
  {
    name: "35 CONTINUATION on another stream",
    bytes: [frame(headersType, endStream, 1, "82"), frame(continuation, endHeaders, 3, "868441 0161")],
    why: noRequest,
  },
  { name: "36 SETTINGS of 5 bytes", bytes: [frame(settingsType, 0, 0, 5)], why: null },
  { name: "36 SETTINGS ACK with a payload", bytes: [frame(settingsType, 1, 0, 6)], why: null },
  { name: "37 ENABLE_PUSH 2", bytes: [settings([2, 2])], why: goawayFirst },
  { name: "37 MAX_FRAME_SIZE 100", bytes: [settings([5, 100])], why: goawayFirst },
  { name: "37 MAX_FRAME_SIZE 2^24", bytes: [settings([5, 1 << 24])], why: goawayFirst },
  { name: "37 INITIAL_WINDOW_SIZE 2^31", bytes: [settings([4, 0x80000000])], why: goawayFirst },
  { name: "38 PING of 6 bytes", bytes: [frame(ping, 0, 0, 6)], why: null },
  { name: "38 RST_STREAM of 3 bytes", bytes: [open, frame(rstStream, 0, 1, 3)], why: namesFault },
  { name: "38 WINDOW_UPDATE of 3 bytes", bytes: [frame(windowUpdate, 0, 0, 3)], why: null },
  { name: "38 PRIORITY of 4 bytes", bytes: [open, frame(priority, 0, 1, 4)], why: namesFault },
  { name: "39 WINDOW_UPDATE 0 on the connection", bytes: [frame(windowUpdate, 0, 0, number(0))], why: goawayFirst },
  {
    name: "39 WINDOW_UPDATE that overflows the connection",
    bytes: [frame(windowUpdate, 0, 0, number(0x7fffffff))],
    why: goawayFirst,
  },
  { name: "40 DATA after END_STREAM", bytes: [headers(1, get("/silent")), frame(data, 0, 1, 1)], why: streamOnly },
  { name: "40 HEADERS after END_STREAM", bytes: [headers(1, get("/silent")), ok(1)], why: streamOnly },
  {
    name: "41 DATA after its own RST_STREAM",
    bytes: [open, reset(0), frame(data, 0, 1, 1), ok(3)],
    why: "STREAM_CLOSED by RFC 9113 section 5.1",
  },
  {
    name: "41 HEADERS after its own RST_STREAM",
    bytes: [open, reset(0), ok(1), ok(3)],
    why: "STREAM_CLOSED by RFC 9113 section 5.1",
  },
  {
    name: "42 PUSH_PROMISE",
    bytes: [open, frame(pushPromise, endHeaders, 1, "0000000282868441 0161")],
    why: goawayFirst,
  },
  { name: "59 the last stream id", bytes: [ok(0x7fffffff)], why: null },
];

/** Every attack of the list that a client can make. */
export const attackCases: readonly AttackCase[] = [...frameAttacks, ...fieldAttacks].sort(
  (a, b) => listNumber(a) - listNumber(b),
);

function listNumber({ name }: AttackCase): number {
  return Number.parseInt(name, 10) || 99;
}

function reset(i: number): Buffer {
  return frame(rstStream, 0, 2 * i + 1, number(8));
}

function selfDependent(): Buffer {
  return frame(
    headersType,
    5 | FrameFlag.priority,
    1,
    Buffer.concat([number(1), Buffer.from([16]), literals(get("/"))]),
  );
}

function more(bytes: Buffer): Buffer {
  return frame(continuation, 0, 1, bytes);
}
