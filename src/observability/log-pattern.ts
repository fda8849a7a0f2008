import { TimeFormat } from "./format-time.ts";
import type { LogRecord } from "./logger.ts";

/** A spdlog pattern as --log-format takes it, with Envoy's own %_ (newlines escaped) and %j (JSON-escaped). */
export class LogPattern {
  readonly #parts: ((record: LogRecord) => string)[] = [];

  constructor(pattern: string) {
    let literal = "";
    for (let i = 0; i < pattern.length; i++) {
      const flag = pattern[i] === "%" ? pattern[i + 1] : undefined;
      if (flag === undefined) {
        literal += pattern[i];
        continue;
      }
      i++;
      const part = partOf(flag);
      if (typeof part === "string") {
        literal += part;
        continue;
      }
      const text = literal;
      if (text !== "") this.#parts.push(() => text);
      literal = "";
      this.#parts.push(part);
    }
    this.#parts.push(() => `${literal}\n`);
  }

  format(record: LogRecord): string {
    let line = "";
    for (const part of this.#parts) line += part(record);
    return line;
  }
}

function partOf(flag: string): ((record: LogRecord) => string) | string {
  const time = timeFormats[flag];
  if (time !== undefined) {
    const format = new TimeFormat(time, true);
    return (record) => format.format(record.timeMs);
  }
  switch (flag) {
    case "v":
      return (record) => record.message;
    case "_":
      return (record) => record.message.replaceAll("\n", "\\n");
    case "j":
      return (record) => JSON.stringify(record.message).slice(1, -1);
    case "l":
      return (record) => record.level;
    case "L":
      return (record) => (record.level[0] as string).toUpperCase();
    case "n":
      return (record) => record.logger;
    case "t":
      return (record) => String(process.pid + record.thread);
    case "P":
      return () => String(process.pid);
    // Colours and source positions: there are none.
    case "^":
    case "$":
    case "@":
    case "g":
    case "s":
    case "#":
    case "!":
      return "";
    case "%":
      return "%";
    default:
      return `%${flag}`;
  }
}

/** spdlog's flags in strftime's words. */
const timeFormats: Record<string, string> = {
  a: "%a",
  A: "%A",
  b: "%b",
  h: "%b",
  B: "%B",
  c: "%c",
  C: "%y",
  Y: "%Y",
  D: "%D",
  x: "%D",
  m: "%m",
  d: "%d",
  H: "%H",
  I: "%I",
  M: "%M",
  S: "%S",
  e: "%3f",
  f: "%6f",
  F: "%9f",
  p: "%p",
  r: "%r",
  R: "%R",
  T: "%T",
  X: "%T",
  z: "%Ez",
  E: "%s",
};
