import { createHash, timingSafeEqual } from "node:crypto";
import type { RequestHead } from "../../http/header-block.ts";
import { localReply } from "../../observability/local-replies.ts";
import type { PerFilter } from "../../router/route.ts";
import { wire } from "../../router/text.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { FilterDeps } from "../linkers.ts";
import { originalUri } from "../original-uri.ts";
import { routeConfig } from "../route-config.ts";
import type { BasicAuthSpec, UsersSpec } from "./parse.ts";

/** Asks for a user and a password (RFC 7617). Envoy: BasicAuthFilter. */
export class BasicAuthFilter implements Filter {
  readonly #slot: number;
  readonly #spec: BasicAuthSpec;
  readonly #users: Users;
  readonly #values: Float64Array;
  readonly #stats: Record<"allowed" | "denied", number>;

  constructor(spec: BasicAuthSpec, slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#spec = spec;
    this.#users = usersOf(spec.users);
    this.#values = deps.slab.values;
    this.#stats = filterCounters(deps.slab, `${deps.statPrefix}basic_auth.`, ["allowed", "denied"]);
  }

  linkRoute(perFilter: PerFilter, name: string): Users | null {
    const spec = routeConfig<UsersSpec>(perFilter, name);
    return spec === null ? null : usersOf(spec);
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    const given = head.find(this.#spec.credentialHeader);
    if (given === null) return this.#deny(stream, head, refusals.missing);
    if (!given.startsWith(scheme)) return this.#deny(stream, head, refusals.scheme);
    const encoded = given.slice(scheme.length);
    const pair = base64.test(encoded) ? Buffer.from(encoded, "base64") : empty;
    const colon = pair.indexOf(":");
    if (colon < 0) return this.#deny(stream, head, refusals.format);
    const name = pair.latin1Slice(0, colon);
    const users = (stream.override(this.#slot) as Users | null) ?? this.#users;
    const hash = users.get(name);
    const own = createHash("sha1")
      .update(pair.subarray(colon + 1))
      .digest();
    if (hash === undefined || hash.length !== own.length || !timingSafeEqual(hash, own)) {
      return this.#deny(stream, head, refusals.credential);
    }
    if (this.#spec.usernameHeader !== "") head.set(this.#spec.usernameHeader, name);
    this.#values[this.#stats.allowed]++;
    return HeadersStatus.Continue;
  }

  #deny(stream: FilterStream, head: RequestHead, refusal: (typeof refusals)[keyof typeof refusals]): HeadersStatus {
    this.#values[this.#stats.denied]++;
    stream.sendLocalReply(refusal, (reply) => reply.set("www-authenticate", `Basic realm="${originalUri(head)}"`));
    return HeadersStatus.StopIteration;
  }
}

/** By name, in wire bytes. */
type Users = ReadonlyMap<string, Buffer>;

function usersOf(spec: UsersSpec): Users {
  return new Map(Object.entries(spec).map(([name, hash]) => [wire(name), Buffer.from(hash, "base64")]));
}

const denial = (text: string, details: string) => localReply(401, `User authentication failed. ${text}.`, details);
const refusals = {
  missing: denial("Missing username and password", "no_credential_for_basic_auth"),
  scheme: denial("Expected 'Basic' authentication scheme", "invalid_scheme_for_basic_auth"),
  format: denial("Invalid basic credential format", "invalid_format_for_basic_auth"),
  credential: denial("Invalid username/password combination", "invalid_credential_for_basic_auth"),
};
const scheme = "Basic ";
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const empty = Buffer.alloc(0);
