import { isGrpcContentType } from "../http/grpc.ts";
import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { CookieMatcher, HeaderMatcher, QueryMatcher } from "./matchers.ts";
import type { Acceptor } from "./path-trie.ts";
import type { Regex } from "./regex.ts";
import type { Route } from "./route.ts";
import { isInFraction, type RuntimeLookup } from "./runtime-fraction.ts";
import type { RouteMatchSpec, RuntimeFractionSpec } from "./spec.ts";
import { type StreamCondition, streamConditions } from "./stream-conditions.ts";
import { wire } from "./text.ts";
import type { WeightedChoice } from "./weighted.ts";

/** One route in a table: when it matches, what it gives. */
export interface RouteEntry {
  readonly kind: RouteMatchSpec["path"]["kind"];
  readonly regex: Regex | null;
  /** null: the path alone decides. */
  readonly conditions: Conditions | null;
  /** null for weighted clusters. */
  readonly route: Route | null;
  readonly weighted: WeightedChoice | null;
}

/** What a match needs besides the path. */
export class Conditions {
  readonly #headers: HeaderMatcher[];
  readonly #query: QueryMatcher[];
  readonly #cookies: CookieMatcher[];
  readonly #fraction: RuntimeFractionSpec | null;
  readonly #isGrpc: boolean;
  readonly #stream: StreamCondition[];
  readonly #runtime: RuntimeLookup;

  constructor(spec: RouteMatchSpec, runtime: RuntimeLookup) {
    this.#headers = spec.headers.map((matcher) => new HeaderMatcher(matcher));
    this.#query = spec.query.map((matcher) => new QueryMatcher(matcher));
    this.#cookies = spec.cookies.map((matcher) => new CookieMatcher(matcher));
    this.#fraction = spec.runtimeFraction;
    this.#isGrpc = spec.grpc;
    this.#stream = streamConditions(spec);
    this.#runtime = runtime;
  }

  pass(head: RequestHead, info: StreamInfo, random: number): boolean {
    if (this.#fraction !== null && !isInFraction(this.#fraction, this.#runtime, random)) return false;
    if (this.#isGrpc && !isGrpcContentType(head.get(Known["content-type"]))) return false;
    for (let i = 0; i < this.#headers.length; i++) if (!(this.#headers[i] as HeaderMatcher).matches(head)) return false;
    for (let i = 0; i < this.#query.length; i++) if (!(this.#query[i] as QueryMatcher).matches(head)) return false;
    for (let i = 0; i < this.#cookies.length; i++) if (!(this.#cookies[i] as CookieMatcher).matches(head)) return false;
    for (let i = 0; i < this.#stream.length; i++) if (!(this.#stream[i] as StreamCondition).matches(info)) return false;
    return true;
  }
}

/** The routes of a virtual host by their order, each linked when it is first asked for. */
export class RouteEntries {
  readonly #link: (order: number) => RouteEntry;
  readonly #linked = new Map<number, RouteEntry>();

  constructor(link: (order: number) => RouteEntry) {
    this.#link = link;
  }

  get(order: number): RouteEntry {
    let entry = this.#linked.get(order);
    if (entry === undefined) this.#linked.set(order, (entry = this.#link(order)));
    return entry;
  }
}

/** The request under match. One object serves all lookups: a lookup never begins inside another. */
export class Candidate implements Acceptor {
  entries: RouteEntries | null = null;
  head: RequestHead | null = null;
  info: StreamInfo | null = null;
  random = 0;
  /** The path as matched: lower-case in the table of case-insensitive routes. */
  path = "";
  end = 0;

  accepts(order: number, depth: number): boolean {
    const entry = (this.entries as RouteEntries).get(order);
    return (
      this.takesPath(entry, depth) &&
      (entry.conditions === null ||
        entry.conditions.pass(this.head as RequestHead, this.info as StreamInfo, this.random))
    );
  }

  /** Of an entry whose key the path begins with. */
  takesPath({ kind, regex }: Pick<RouteEntry, "kind" | "regex">, depth: number): boolean {
    switch (kind) {
      case "prefix":
      case "connect":
        return true;
      case "path":
        return depth === this.end;
      case "pathSeparatedPrefix":
        return depth === this.end || this.path.charCodeAt(depth) === 47;
      case "regex":
      case "template":
        return (regex as Regex).matches(this.path.slice(0, this.end));
    }
  }
}

/** null where the path alone decides. */
export function linkConditions(spec: RouteMatchSpec, runtime: RuntimeLookup): Conditions | null {
  const isPlain =
    spec.headers.length === 0 &&
    spec.query.length === 0 &&
    spec.cookies.length === 0 &&
    spec.runtimeFraction === null &&
    !spec.grpc &&
    spec.tls === null &&
    spec.metadata.length === 0 &&
    spec.filterState.length === 0;
  return isPlain ? null : new Conditions(spec, runtime);
}

/** The trie key of a route: what every path it matches begins with, in wire bytes. */
export function trieKey(match: RouteMatchSpec, regex: Regex | null): string {
  if (regex !== null) return regex.literalPrefix;
  return wire(match.path.value);
}
