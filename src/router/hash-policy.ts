import type { RequestHead } from "../http/header-block.ts";
import { Word64 } from "../net/word64.ts";
import { xxHash64 } from "../net/xx-hash.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { cookieValue, queryValue } from "./matchers.ts";
import { RegexRewrite } from "./rewrite.ts";
import { setCookie } from "./set-cookie.ts";
import type { HashPolicySpec } from "./spec.ts";
import { wire } from "./text.ts";

/** Where a hash policy leaves the cookie that it makes. */
export interface CookieSink {
  /** The addresses that the value is made of, one text behind the other. */
  cookieSeed(): string;
  /** The value of a Set-Cookie field. */
  addCookie(cookie: string): void;
}

/** The hash policies of a route or of a balancer, live. Envoy: Http::HashPolicyImpl. */
export class HashPolicy {
  readonly #methods: readonly Method[];

  constructor(specs: readonly HashPolicySpec[]) {
    this.#methods = specs.map((spec) => ({
      spec,
      name: spec.kind === "cookie" || spec.kind === "query" ? wire(spec.name) : "",
      rewrite: spec.kind === "header" && spec.rewrite !== null ? new RegexRewrite(spec.rewrite) : null,
    }));
  }

  /** The hash of a request; false where no policy finds what it hashes. Without cookies none is made. */
  compute(head: RequestHead, info: StreamInfo, cookies: CookieSink | null, into: Word64): boolean {
    let isFound = false;
    into.set(0, 0);
    for (let i = 0; i < this.#methods.length; i++) {
      const method = this.#methods[i] as Method;
      if (hashOne(method, head, info, cookies)) {
        // Rotated, so that a policy that is there twice does not undo itself.
        into.rotateLeft(1);
        into.xor(one.high, one.low);
        isFound = true;
      }
      if (isFound && method.spec.terminal) break;
    }
    return isFound;
  }
}

interface Method {
  spec: HashPolicySpec;
  /** Of a cookie or query parameter, in wire bytes. */
  name: string;
  rewrite: RegexRewrite | null;
}

/** Into `one`. */
function hashOne(method: Method, head: RequestHead, info: StreamInfo, cookies: CookieSink | null): boolean {
  const { spec } = method;
  switch (spec.kind) {
    case "header":
      return hashHeader(head, spec.name, method.rewrite);
    case "cookie": {
      const value = cookieValue(head, method.name) || (spec.ttlMs === null ? null : makeCookie(spec, cookies));
      return value !== null && hashText(value);
    }
    case "sourceIp": {
      const ip = ipOf(info.downstreamRemoteAddress);
      return ip !== "" && hashText(ip);
    }
    case "query": {
      const value = queryValue(head.path, method.name);
      return value !== null && hashText(value);
    }
    case "filterState": {
      const text = info.filterState?.get(spec.key)?.hashText() ?? null;
      return text !== null && hashText(text);
    }
  }
}

/** Of repeated fields all values, sorted so that their order does not matter. */
function hashHeader(head: RequestHead, name: string, rewrite: RegexRewrite | null): boolean {
  const first = head.find(name);
  if (first === null) return false;
  let values: string[] | null = null;
  if (!name.startsWith(":") && name !== "host") {
    let count = 0;
    for (let i = 0; i < head.size; i++) {
      if (head.names[i] !== name) continue;
      if (++count === 1) continue;
      values ??= [first];
      values.push(head.values[i] as string);
    }
  }
  if (values === null) return hashText(rewrite === null ? first : rewrite.apply(first));
  if (rewrite !== null) values = values.map((value) => rewrite.apply(value));
  one.set(0, 0);
  for (const value of values.sort()) xxHash64(value, one, one);
  return true;
}

/** The value is the same for all requests of a connection, so that streams that race get one cookie. */
function makeCookie(spec: HashPolicySpec & { kind: "cookie" }, cookies: CookieSink | null): string | null {
  if (cookies === null) return null;
  xxHash64(cookies.cookieSeed(), one);
  const value = hex(one.high) + hex(one.low);
  const seconds = Math.floor((spec.ttlMs as number) / 1000);
  cookies.addCookie(setCookie(spec, value, seconds));
  return value;
}

function hashText(text: string): true {
  xxHash64(text, one);
  return true;
}

/** "ip:port" without the port, IPv6 without brackets; "" for the path of a Unix socket. */
function ipOf(address: string): string {
  const colon = address.lastIndexOf(":");
  if (colon < 0) return "";
  return address.startsWith("[") ? address.slice(1, colon - 1) : address.slice(0, colon);
}

function hex(half: number): string {
  return (half >>> 0).toString(16).padStart(8, "0");
}

const one = new Word64();
