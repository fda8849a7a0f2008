import { RE2JS } from "re2js";
import type { RequestHead } from "../http/header-block.ts";
import type { HeaderConditionSpec, StringConditionSpec } from "./access-log-spec.ts";
import { toWire } from "./format-values.ts";

/** StringMatcher, live, over wire strings (one character a byte). */
export class StringCondition {
  readonly #kind: StringConditionSpec["kind"];
  readonly #value: string;
  readonly #ignoreCase: boolean;
  readonly #regex: RE2JS | null;

  constructor(spec: StringConditionSpec) {
    this.#kind = spec.kind;
    this.#ignoreCase = spec.ignoreCase;
    this.#value = spec.ignoreCase ? lower(toWire(spec.value)) : toWire(spec.value);
    this.#regex = spec.kind === "regex" ? RE2JS.compile(spec.value) : null;
  }

  matches(input: string): boolean {
    const text = this.#ignoreCase ? lower(input) : input;
    switch (this.#kind) {
      case "exact":
        return text === this.#value;
      case "prefix":
        return text.startsWith(this.#value);
      case "suffix":
        return text.endsWith(this.#value);
      case "contains":
        return text.includes(this.#value);
      case "regex":
        // The configured pattern is text, the value bytes: compare them as text.
        return (this.#regex as RE2JS).matches(Buffer.from(input, "latin1").toString("utf8"));
    }
  }
}

/** HeaderMatcher, live. Repeated fields are seen joined with ",". */
export class HeaderCondition {
  readonly #spec: HeaderConditionSpec;
  readonly #string: StringCondition | null;

  constructor(spec: HeaderConditionSpec) {
    this.#spec = spec;
    this.#string = spec.string === null ? null : new StringCondition(spec.string);
  }

  matches(head: RequestHead): boolean {
    const spec = this.#spec;
    let value = head.joined(spec.name);
    if (value === null && spec.missingAsEmpty) value = "";
    if (this.#string === null && spec.range === null) return ((value !== null) === spec.present) !== spec.invert;
    // Envoy: a missing field matches nothing, not even an inverted matcher.
    if (value === null) return false;
    if (this.#string !== null) return this.#string.matches(value) !== spec.invert;
    const number = /^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN;
    const isIn = spec.range !== null && number >= spec.range.start && number < spec.range.end;
    return isIn !== spec.invert;
  }
}

/** ASCII letters alone. */
function lower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
