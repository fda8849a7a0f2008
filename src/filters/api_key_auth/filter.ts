import type { RequestHead } from "../../http/header-block.ts";
import { percentDecode } from "../../http/percent-decode.ts";
import { localReply } from "../../observability/local-replies.ts";
import { cookieValue, queryValue } from "../../router/matchers.ts";
import type { PerFilter } from "../../router/route.ts";
import { wire } from "../../router/text.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { FilterDeps } from "../linkers.ts";
import { withoutParam } from "../query-params.ts";
import { routeConfig } from "../route-config.ts";
import type { ApiKeyAuthSpec, KeySourceSpec } from "./parse.ts";

/** Asks for a key that some client has. Envoy: ApiKeyAuthFilter. */
export class ApiKeyAuthFilter implements Filter {
  readonly #slot: number;
  readonly #own: ApiKeyAuthSpec;
  readonly #config: Config;
  readonly #values: Float64Array;
  readonly #stats: Record<"allowed" | "forbidden" | "unauthorized", number>;

  constructor(spec: ApiKeyAuthSpec, slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#own = spec;
    this.#config = new Config(spec);
    this.#values = deps.slab.values;
    this.#stats = filterCounters(deps.slab, `${deps.statPrefix}api_key_auth.`, [
      "allowed",
      "forbidden",
      "unauthorized",
    ]);
  }

  /** What a route does not say is the filter's. */
  linkRoute(perFilter: PerFilter, name: string): Config | null {
    const spec = routeConfig<ApiKeyAuthSpec>(perFilter, name);
    if (spec === null) return null;
    const { clients, sources, forwarding } = this.#own;
    return new Config({
      clients: spec.clients ?? clients,
      sources: spec.sources ?? sources,
      forwarding: spec.forwarding ?? forwarding,
      allowed: spec.allowed,
    });
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    const config = (stream.override(this.#slot) as Config | null) ?? this.#config;
    const found = config.find(head);
    if (found === null) return this.#deny(stream, refusals.missing, this.#stats.unauthorized);
    const client = config.clients.get(found.key);
    if (client === undefined) return this.#deny(stream, refusals.unknown, this.#stats.unauthorized);
    if (config.allowed !== null && !config.allowed.has(client)) {
      return this.#deny(stream, refusals.forbidden, this.#stats.forbidden);
    }
    const { forwarding } = config;
    if (forwarding !== null && forwarding.header !== "") head.set(forwarding.header, client);
    if (forwarding?.hidesKey === true) found.source.hide(head);
    this.#values[this.#stats.allowed]++;
    return HeadersStatus.Continue;
  }

  #deny(stream: FilterStream, refusal: (typeof refusals)[keyof typeof refusals], counter: number): HeadersStatus {
    this.#values[counter]++;
    stream.sendLocalReply(refusal);
    return HeadersStatus.StopIteration;
  }
}

class Config {
  /** In wire bytes. */
  readonly clients: ReadonlyMap<string, string>;
  readonly allowed: ReadonlySet<string> | null;
  readonly forwarding: ApiKeyAuthSpec["forwarding"];
  readonly #sources: readonly Source[];

  constructor({ clients, sources, forwarding, allowed }: ApiKeyAuthSpec) {
    this.clients = new Map(Object.entries(clients ?? {}).map(([key, client]) => [wire(key), wire(client)]));
    this.allowed = allowed === null ? null : new Set(allowed.map(wire));
    this.forwarding = forwarding;
    this.#sources = (sources ?? []).map((one) => new Source(one));
  }

  /** The key of the first place that has one. */
  find(head: RequestHead): { key: string; source: Source } | null {
    for (const source of this.#sources) {
      const key = source.read(head);
      if (key !== null && key !== "") return { key, source };
    }
    return null;
  }
}

class Source {
  readonly #kind: KeySourceSpec["kind"];
  readonly #name: string;

  constructor({ kind, name }: KeySourceSpec) {
    this.#kind = kind;
    this.#name = name;
  }

  read(head: RequestHead): string | null {
    switch (this.#kind) {
      case "header": {
        const value = head.find(this.#name);
        return value?.startsWith(bearer) === true ? value.slice(bearer.length) : value;
      }
      case "query": {
        const value = queryValue(head.path, this.#name);
        return value === null ? null : percentDecode(value);
      }
      case "cookie":
        return cookieValue(head, this.#name);
    }
  }

  hide(head: RequestHead): void {
    switch (this.#kind) {
      case "header":
        head.remove(this.#name);
        return;
      case "query":
        head.path = withoutParam(head.path, this.#name);
        return;
      case "cookie":
        hideCookie(head, this.#name);
    }
  }
}

function hideCookie(head: RequestHead, name: string): void {
  const pairs = (head.joined("cookie") ?? "").split(";").map((pair) => pair.trim());
  const kept = pairs.filter((pair) => pair !== "" && !pair.startsWith(`${name}=`));
  head.remove("cookie");
  if (kept.length > 0) head.append("cookie", kept.join("; "));
}

const failed = "Client authentication failed.";
const refusals = {
  missing: localReply(401, failed, "missing_api_key"),
  unknown: localReply(401, failed, "unknown_api_key"),
  forbidden: localReply(403, "Client is forbidden.", "client_not_allowed"),
};
const bearer = "Bearer ";
