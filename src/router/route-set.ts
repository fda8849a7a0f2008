import type { RequestHead } from "../http/header-block.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { Candidate, type RouteEntries, type RouteEntry } from "./entry.ts";
import { regexOf } from "./path-regex.ts";
import { PathTrie, type TrieStore } from "./path-trie.ts";
import type { RouteSpec } from "./spec.ts";
import { asciiLower, pathEnd } from "./text.ts";
import type { TrieWriter } from "./trie-writer.ts";

/** Where the tries of a RouteSet stand in a store; -1: it has none such. Plain data. */
export interface RouteSetPlaces {
  /** Paths and prefixes: cheap to decide, so looked at before the regexes. */
  plain: number;
  /** The same for case_sensitive: false, by lower-case keys. */
  folded: number;
  regexes: number;
  /** Orders of CONNECT matchers. */
  connects: readonly number[];
}

/** Compiled routes. The first that matches wins, as in Envoy, not the most specific. */
export class RouteSet {
  readonly #entries: RouteEntries;
  readonly #ignoreParameters: boolean;
  readonly #plain: PathTrie | null;
  readonly #folded: PathTrie | null;
  readonly #regexes: PathTrie | null;
  readonly #connects: readonly number[];

  constructor(entries: RouteEntries, store: TrieStore, places: RouteSetPlaces, ignorePathParameters: boolean) {
    const trie = (root: number) => (root < 0 ? null : new PathTrie(store, root));
    this.#entries = entries;
    this.#ignoreParameters = ignorePathParameters;
    this.#plain = trie(places.plain);
    this.#folded = trie(places.folded);
    this.#regexes = trie(places.regexes);
    this.#connects = places.connects;
  }

  find(head: RequestHead, info: StreamInfo, random: number): RouteEntry | null {
    const path = head.path;
    let end = pathEnd(path);
    if (this.#ignoreParameters) {
      const semicolon = path.indexOf(";");
      if (semicolon >= 0 && semicolon < end) end = semicolon;
    }
    candidate.entries = this.#entries;
    candidate.head = head;
    candidate.info = info;
    candidate.random = random;
    candidate.end = end;
    candidate.path = path;
    let best = -1;
    let bound = Infinity;
    // A request without a path (CONNECT) meets connect matchers alone.
    if (head.method === "CONNECT" && this.#connects.length > 0) {
      best = this.#connects.find((order) => candidate.accepts(order, 0)) ?? -1;
      if (best >= 0) bound = best;
    }
    if (path !== "") {
      let found = this.#plain === null ? -1 : this.#plain.find(path, end, bound, candidate);
      if (found >= 0) bound = best = found;
      if (this.#folded !== null) {
        candidate.path = asciiLower(path);
        found = this.#folded.find(candidate.path, end, bound, candidate);
        if (found >= 0) bound = best = found;
        candidate.path = path;
      }
      if (this.#regexes !== null) {
        found = this.#regexes.find(path, end, bound, candidate);
        if (found >= 0) best = found;
      }
    }
    candidate.entries = null;
    candidate.head = null;
    candidate.info = null;
    return best < 0 ? null : this.#entries.get(best);
  }
}

/** Writes the tries of a RouteSet over some of the routes. `orders` rise. */
export function writeRouteSet(
  writer: TrieWriter,
  routes: readonly RouteSpec[],
  orders: Iterable<number>,
): RouteSetPlaces {
  const plain = new Keys();
  const folded = new Keys();
  const regexes = new Keys();
  const connects: number[] = [];
  for (const order of orders) {
    const { match } = routes[order] as RouteSpec;
    const regex = regexOf(match.path);
    if (match.path.kind === "connect") connects.push(order);
    else if (regex !== null) regexes.add(order, regex.literalPrefix);
    else if (match.caseSensitive) plain.add(order, match.path.value);
    else folded.add(order, asciiLower(match.path.value));
  }
  return { plain: plain.write(writer), folded: folded.write(writer), regexes: regexes.write(writer), connects };
}

class Keys {
  readonly #orders: number[] = [];
  readonly #keys: string[] = [];

  add(order: number, key: string): void {
    this.#orders.push(order);
    this.#keys.push(key);
  }

  write(writer: TrieWriter): number {
    if (this.#orders.length === 0) return -1;
    const places = writer.writeTexts(this.#keys);
    return writer.writeTrie(this.#orders, places, places.subarray(1));
  }
}

const candidate = new Candidate();
