import type { HeaderBlock, RequestHead } from "../http/header-block.ts";
import { Regex } from "./regex.ts";
import type { CookieMatcherSpec, HeaderMatcherSpec, QueryMatcherSpec, StringMatcherSpec } from "./spec.ts";
import { asciiLower, wire } from "./text.ts";

/** envoy.type.matcher.v3.StringMatcher, live. */
export class StringMatcher {
  readonly #kind: StringMatcherSpec["kind"];
  readonly #value: string;
  readonly #ignoreCase: boolean;
  readonly #regex: Regex | null;

  constructor(spec: StringMatcherSpec) {
    this.#kind = spec.kind;
    this.#ignoreCase = spec.ignoreCase;
    this.#value = spec.ignoreCase ? asciiLower(wire(spec.value)) : wire(spec.value);
    this.#regex = spec.kind === "regex" ? new Regex(spec.value) : null;
  }

  matches(input: string): boolean {
    const text = this.#ignoreCase ? asciiLower(input) : input;
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
        return (this.#regex as Regex).matches(text);
    }
  }
}

/** envoy.config.route.v3.HeaderMatcher, live. Of repeated fields one value must match; inverted, none. */
export class HeaderMatcher {
  readonly #spec: HeaderMatcherSpec;
  readonly #string: StringMatcher | null;
  /** The field is in the head's list: no pseudo-field, which stands once. */
  readonly #isListed: boolean;

  constructor(spec: HeaderMatcherSpec) {
    this.#spec = spec;
    this.#string = spec.string === null ? null : new StringMatcher(spec.string);
    this.#isListed = !spec.name.startsWith(":") && spec.name !== "host";
  }

  matches(head: HeaderBlock): boolean {
    const spec = this.#spec;
    const first = head.find(spec.name) ?? (spec.missingAsEmpty ? "" : null);
    if (this.#string === null && spec.range === null) return ((first !== null) === spec.present) !== spec.invert;
    // Envoy: a missing field matches nothing, not even an inverted matcher.
    if (first === null) return false;
    return (this.#accepts(first) || (this.#isListed && this.#acceptsLater(head))) !== spec.invert;
  }

  #accepts(value: string): boolean {
    if (this.#string !== null) return this.#string.matches(value);
    return isInRange(value, this.#spec.range as { start: number; end: number });
  }

  #acceptsLater(head: HeaderBlock): boolean {
    let isFirst = true;
    for (let i = 0; i < head.size; i++) {
      if (head.names[i] !== this.#spec.name) continue;
      if (!isFirst && this.#accepts(head.values[i] as string)) return true;
      isFirst = false;
    }
    return false;
  }
}

/** envoy.config.route.v3.QueryParameterMatcher, live. Keys and values are compared as they stand, not decoded. */
export class QueryMatcher {
  readonly #name: string;
  readonly #string: StringMatcher | null;
  readonly #present: boolean;

  constructor(spec: QueryMatcherSpec) {
    this.#name = wire(spec.name);
    this.#string = spec.string === null ? null : new StringMatcher(spec.string);
    this.#present = spec.present;
  }

  matches(head: RequestHead): boolean {
    const value = queryValue(head.path, this.#name);
    if (this.#string === null) return (value !== null) === this.#present;
    return value !== null && this.#string.matches(value);
  }
}

/** envoy.config.route.v3.CookieMatcher, live. */
export class CookieMatcher {
  readonly #name: string;
  readonly #string: StringMatcher;
  readonly #invert: boolean;

  constructor(spec: CookieMatcherSpec) {
    this.#name = wire(spec.name);
    this.#string = new StringMatcher(spec.string);
    this.#invert = spec.invert;
  }

  matches(head: RequestHead): boolean {
    const value = cookieValue(head, this.#name);
    return (value !== null && this.#string.matches(value)) !== this.#invert;
  }
}

/** The first value of a query parameter, "" without "="; null when absent. */
export function queryValue(target: string, name: string): string | null {
  let at = target.indexOf("?") + 1;
  if (at === 0) return null;
  const hash = target.indexOf("#", at);
  const end = hash < 0 ? target.length : hash;
  while (at < end) {
    let next = target.indexOf("&", at);
    if (next < 0 || next > end) next = end;
    if (target.startsWith(name, at)) {
      const after = at + name.length;
      if (after === next) return "";
      if (after < next && target.charCodeAt(after) === 61) return target.slice(after + 1, next);
    }
    at = next + 1;
  }
  return null;
}

/** The first value of a cookie, without the quotes around it; null when absent. Blanks are kept but in front of a name, as in Envoy's forEachCookie. */
export function cookieValue(head: HeaderBlock, name: string): string | null {
  for (let i = 0; i < head.size; i++) {
    if (head.names[i] !== "cookie") continue;
    for (const pair of (head.values[i] as string).split(";")) {
      const equals = pair.indexOf("=");
      if (equals < 0 || pair.slice(0, equals).replace(/^ +/, "") !== name) continue;
      const value = pair.slice(equals + 1);
      return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
  }
  return null;
}

function isInRange(value: string, range: { start: number; end: number }): boolean {
  const text = value.trim();
  if (!/^[+-]?\d+$/.test(text)) return false;
  const number = Number(text);
  return number >= range.start && number < range.end;
}
