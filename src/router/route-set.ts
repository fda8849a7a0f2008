import type { RequestHead } from "../http/header-block.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { RouteEntry } from "./entry.ts";
import { Candidate } from "./entry.ts";
import { PathTrie } from "./path-trie.ts";
import { asciiLower, pathEnd } from "./text.ts";

/** Compiled routes. The first that matches wins, as in Envoy, not the most specific. */
export class RouteSet {
  readonly #ignoreParameters: boolean;
  /** Paths and prefixes: cheap to decide, so looked at before the regexes. */
  readonly #plain = new PathTrie<RouteEntry>();
  /** The same for case_sensitive: false, by lower-case keys. */
  readonly #folded = new PathTrie<RouteEntry>();
  readonly #regexes = new PathTrie<RouteEntry>();
  readonly #connects: RouteEntry[] = [];

  constructor(ignorePathParameters: boolean) {
    this.#ignoreParameters = ignorePathParameters;
  }

  /** By rising order. `key`: what the paths it matches begin with. */
  add(entry: RouteEntry, key: string, caseSensitive: boolean): void {
    if (entry.kind === "connect") this.#connects.push(entry);
    else if (entry.regex !== null) this.#regexes.insert(key, entry);
    else if (caseSensitive) this.#plain.insert(key, entry);
    else this.#folded.insert(asciiLower(key), entry);
  }

  find(head: RequestHead, info: StreamInfo, random: number): RouteEntry | null {
    const path = head.path;
    let end = pathEnd(path);
    if (this.#ignoreParameters) {
      const semicolon = path.indexOf(";");
      if (semicolon >= 0 && semicolon < end) end = semicolon;
    }
    candidate.head = head;
    candidate.info = info;
    candidate.random = random;
    candidate.end = end;
    candidate.path = path;
    let best: RouteEntry | null = null;
    let bound = Infinity;
    // A request without a path (CONNECT) meets connect matchers alone.
    if (head.method === "CONNECT" && this.#connects.length > 0) {
      best = this.#connects.find((entry) => candidate.accepts(entry, 0)) ?? null;
      if (best !== null) bound = best.order;
    }
    if (path !== "") {
      let found = this.#plain.find(path, end, bound, candidate);
      if (found !== null) bound = (best = found).order;
      if (!this.#folded.isEmpty) {
        candidate.path = asciiLower(path);
        found = this.#folded.find(candidate.path, end, bound, candidate);
        if (found !== null) bound = (best = found).order;
        candidate.path = path;
      }
      if (!this.#regexes.isEmpty) {
        found = this.#regexes.find(path, end, bound, candidate);
        if (found !== null) best = found;
      }
    }
    candidate.head = null;
    candidate.info = null;
    return best;
  }
}

const candidate = new Candidate();
