import { FrameType } from "./frames.ts";
import { frame, get, headers, literals, number, settings } from "./h2-recorder.ts";
import type { Http2Options } from "./settings.ts";

const { data, headers: headersType, continuation, windowUpdate, rstStream, priority, ping } = FrameType;

/** A request that is not answered. */
export const silent = (i: number): Buffer => headers(2 * i + 1, get("/silent"), false);
/** Its first. */
export const open = silent(0);

/** One kind of abuse by a client. */
export interface Attack {
  /** Begins with its number in the list of attacks that the project keeps. */
  name: string;
  /** The frames of one step; at once, or step by step. */
  make: (i: number) => Buffer;
  /** Frames or groups of frames after which it ends. */
  after: number;
  detail: string;
  counter?: "inbound_empty_frames_flood" | "inbound_priority_frames_flood" | "inbound_window_update_frames_flood";
  /** The client takes nothing of what we write. */
  isDeaf?: boolean;
  options?: Partial<Http2Options>;
  counterWhenDeaf?: "outbound_control_flood" | "outbound_flood";
}

/** What must end a connection. Bounds are Envoy's, as measured. */
export const attacks: readonly Attack[] = [
  {
    name: "1 rapid reset",
    make: (i) => Buffer.concat([silent(i), frame(rstStream, 0, 2 * i + 1, number(8))]),
    after: 250,
    detail: "too_many_premature_resets",
  },
  {
    name: "2 MadeYouReset by WINDOW_UPDATE 0",
    make: (i) => Buffer.concat([silent(i), frame(windowUpdate, 0, 2 * i + 1, number(0))]),
    after: 250,
    detail: "too_many_premature_resets",
  },
  {
    name: "2 MadeYouReset by DATA after END_STREAM",
    make: (i) => Buffer.concat([headers(2 * i + 1, get("/silent")), frame(data, 0, 2 * i + 1, 1)]),
    after: 250,
    detail: "too_many_premature_resets",
  },
  {
    name: "57 malformed requests",
    make: (i) => headers(2 * i + 1, get("/", ["A", "1"])),
    after: 250,
    detail: "too_many_premature_resets",
  },
  {
    name: "41 DATA for ever new streams that were reset",
    make: (i) => Buffer.concat([headers(2 * i + 1, get("/")), frame(data, 0, 2 * i + 1, 1)]),
    after: 1001,
    detail: "http2.too_many_resets",
  },
  {
    name: "3 CONTINUATION without end",
    make: (i) => (i === 0 ? frame(headersType, 1, 1, "82") : frame(continuation, 0, 1, literals([["x", "y"]]))),
    after: 514,
    detail: "too many CONTINUATION frames",
  },
  {
    name: "3 large CONTINUATION without end",
    make: (i) => (i === 0 ? frame(headersType, 1, 1, "82") : frame(continuation, 0, 1, 16384)),
    after: 9,
    detail: "http2.header_list_size_too_large",
  },
  {
    name: "3 empty CONTINUATION",
    make: (i) => frame(i === 0 ? headersType : continuation, i === 0 ? 1 : 0, 1, i === 0 ? "82" : ""),
    after: 3,
    detail: "http2.inbound_empty_frames_flood",
    counter: "inbound_empty_frames_flood",
  },
  {
    name: "4 empty DATA",
    make: (i) => (i === 0 ? open : frame(data, 0, 1)),
    after: 3,
    detail: "http2.inbound_empty_frames_flood",
    counter: "inbound_empty_frames_flood",
  },
  {
    name: "4 DATA of padding only",
    make: (i) => (i === 0 ? open : frame(data, 8, 1, Buffer.alloc(256, 255))),
    after: 3,
    detail: "http2.inbound_empty_frames_flood",
    counter: "inbound_empty_frames_flood",
  },
  {
    name: "5 SETTINGS whose answers are not read",
    make: () => settings([4, 100]),
    after: 1001,
    detail: "http2.outbound_control_frames_flood",
    isDeaf: true,
    counterWhenDeaf: "outbound_control_flood",
  },
  {
    name: "6 SETTINGS with 100 entries",
    make: () => settings(...Array.from({ length: 100 }, (): [number, number] => [4, 1])),
    after: 1,
    detail: "SETTINGS: too many setting entries",
  },
  {
    name: "7 PING whose answers are not read",
    make: () => frame(ping, 0, 0, 8),
    after: 1001,
    detail: "http2.outbound_control_frames_flood",
    isDeaf: true,
    counterWhenDeaf: "outbound_control_flood",
  },
  {
    name: "8 WINDOW_UPDATE of one byte",
    make: (i) => (i === 0 ? open : frame(windowUpdate, 0, 1, number(1))),
    after: 9,
    detail: "Too many WINDOW_UPDATE frames",
    counter: "inbound_window_update_frames_flood",
  },
  {
    name: "9 PRIORITY",
    make: (i) => frame(priority, 0, 2 * i + 1, 5),
    after: 101,
    detail: "Too many PRIORITY frames",
    counter: "inbound_priority_frames_flood",
  },
  { name: "29 unknown frames", make: () => frame(0xee, 0, 0, 0), after: 10_001, detail: "http2.too_many_glitches" },
  {
    name: "answers that are not read",
    make: (i) => headers(2 * i + 1, get("/")),
    after: 51,
    detail: "http2.outbound_frames_flood",
    isDeaf: true,
    counterWhenDeaf: "outbound_flood",
    options: { maxOutboundFrames: 100 },
  },
];
