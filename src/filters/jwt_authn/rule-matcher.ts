import type { RequestHead } from "../../http/header-block.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import { type Conditions, linkConditions } from "../../router/entry.ts";
import { regexOf } from "../../router/path-regex.ts";
import type { Regex } from "../../router/regex.ts";
import type { RuntimeLookup } from "../../router/runtime-fraction.ts";
import type { PathMatchSpec, RouteMatchSpec } from "../../router/spec.ts";
import { asciiLower, pathEnd, wire } from "../../router/text.ts";

/** A RouteMatch by itself, outside of a table. */
export class RuleMatcher {
  readonly #kind: PathMatchSpec["kind"];
  readonly #value: string;
  readonly #isFolded: boolean;
  readonly #regex: Regex | null;
  readonly #conditions: Conditions | null;

  constructor(spec: RouteMatchSpec, runtime: RuntimeLookup) {
    this.#kind = spec.path.kind;
    this.#isFolded = !spec.caseSensitive;
    this.#value = this.#isFolded ? asciiLower(wire(spec.path.value)) : wire(spec.path.value);
    this.#regex = regexOf(spec.path);
    this.#conditions = linkConditions(spec, runtime);
  }

  matches(head: RequestHead, info: StreamInfo): boolean {
    return this.#hasPath(head) && (this.#conditions === null || this.#conditions.pass(head, info, Math.random()));
  }

  #hasPath(head: RequestHead): boolean {
    if (this.#kind === "connect") return head.method === "CONNECT";
    const end = pathEnd(head.path);
    if (this.#regex !== null) return this.#regex.matches(head.path.slice(0, end));
    const value = this.#value;
    const path = this.#isFolded ? asciiLower(head.path) : head.path;
    if (!path.startsWith(value)) return false;
    if (this.#kind === "path") return end === value.length;
    return this.#kind === "prefix" || end === value.length || path.charCodeAt(value.length) === 47;
  }
}
