import type { Operator } from "./format-operators.ts";
import { makeOperator } from "./format-operators.ts";
import { toWire } from "./format-values.ts";
import type { StreamInfo } from "./stream-info.ts";

/** A compiled format. The text has one character a byte, as header values do: write it as latin1. */
export interface Formatter {
  format(info: StreamInfo): string;
}

/** How a format is compiled. */
export interface FormatOptions {
  /** What stands for a missing value: "-" in log lines; "" in header values and with omit_empty_values. */
  missing: "-" | "";
  /** Operators that `formatters` entries allow, such as REQ_WITHOUT_QUERY. */
  enabled?: ReadonlySet<string>;
}

/** Compiles a substitution format for a text line or a header value. A string says in Envoy's words what is wrong. */
export function compileFormat(template: string, options: FormatOptions = lineOptions): Formatter | string {
  const parts = parseTemplate(template, options.enabled ?? none);
  if (typeof parts === "string") return parts;
  const merged: Part[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (typeof part === "string" && typeof last === "string") merged[merged.length - 1] = last + part;
    else merged.push(part);
  }
  if (merged.every((part) => typeof part === "string")) return new Literal(merged.join(""));
  return new TextFormatter(merged, options.missing);
}

/** Splits a template in literals (as wire bytes) and operators; a string is Envoy's error. */
export function parseTemplate(template: string, enabled: ReadonlySet<string>): Part[] | string {
  const parts: Part[] = [];
  let at = 0;
  while (at < template.length) {
    const percent = template.indexOf("%", at);
    if (percent < 0) {
      parts.push(toWire(template.slice(at)));
      break;
    }
    if (percent > at) parts.push(toWire(template.slice(at, percent)));
    if (template[percent + 1] === "%") {
      parts.push("%");
      at = percent + 2;
      continue;
    }
    command.lastIndex = percent;
    const match = command.exec(template);
    if (match === null) {
      return `Incorrect configuration: ${template}. Couldn't find valid command at position ${percent}`;
    }
    const [all, name = "", args, length] = match;
    const operator = makeOperator(name, args ?? null, length === undefined ? null : Number(length), enabled);
    if (typeof operator === "string") return operator;
    parts.push(operator);
    at = percent + all.length;
  }
  return parts;
}

export type Part = string | Operator;

/** Envoy's default access log format. */
export const defaultFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

class TextFormatter implements Formatter {
  readonly #parts: Part[];
  readonly #missing: string;

  constructor(parts: Part[], missing: string) {
    this.#parts = parts;
    this.#missing = missing;
  }

  format(info: StreamInfo): string {
    const parts = this.#parts;
    let text = "";
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Part;
      text += typeof part === "string" ? part : (part.text(info) ?? this.#missing);
    }
    return text;
  }
}

class Literal implements Formatter {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  format(): string {
    return this.#text;
  }
}

const none: ReadonlySet<string> = new Set();
const lineOptions: FormatOptions = { missing: "-" };
const command = /%([A-Z0-9_]+)(?:\((.*?)\))?(?::(\d+))?%/y;
