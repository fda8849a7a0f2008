import type { RequestHead, ResponseHead } from "../../http/header-block.ts";
import { eventClock } from "../../net/event-clock.ts";
import { cookieValue } from "../../router/matchers.ts";
import { setCookie } from "../../router/set-cookie.ts";
import { wire } from "../../router/text.ts";
import { packCookie, unpackCookie } from "./packed-cookie.ts";
import type { SessionStateSpec } from "./spec.ts";

/** What a request tells of its session. Envoy: SessionStateFactory. */
export interface SessionState {
  /** Whether this request has a session at all. */
  covers(head: RequestHead): boolean;
  /** The host that the request names; "" for none. May change the head. */
  read(head: RequestHead): string;
  /** Tells the client of the host that answered; true where it is another one than the request named. */
  update(head: ResponseHead, host: string, named: string): boolean;
}

export function linkSessionState(spec: SessionStateSpec): SessionState {
  switch (spec.kind) {
    case "cookie":
      return new CookieState(spec);
    case "header":
      return new HeaderState(spec.name);
    case "envelope":
      return new EnvelopeState(spec.name);
  }
}

class CookieState implements SessionState {
  readonly #spec: SessionStateSpec & { kind: "cookie" };
  readonly #name: string;
  readonly #path: string;

  constructor(spec: SessionStateSpec & { kind: "cookie" }) {
    this.#spec = spec;
    this.#name = wire(spec.cookie.name);
    this.#path = spec.cookie.path === "/" ? "" : wire(spec.cookie.path);
  }

  /** RFC 6265 section 5.1.4, but for a query. */
  covers({ path }: RequestHead): boolean {
    const own = this.#path;
    if (!path.startsWith(own)) return false;
    if (own === "" || own.endsWith("/") || path.length === own.length) return true;
    const next = path[own.length];
    return next === "/" || next === "?" || next === "#";
  }

  read(head: RequestHead): string {
    return unpackCookie(decode(cookieValue(head, this.#name) ?? ""), wallSeconds());
  }

  update(head: ResponseHead, host: string, named: string): boolean {
    if (host === named) return false;
    const { cookie, ttlSeconds } = this.#spec;
    const packed = packCookie(host, ttlSeconds === 0 ? 0 : wallSeconds() + ttlSeconds);
    head.append("set-cookie", setCookie(cookie, encode(packed), ttlSeconds));
    return true;
  }
}

class HeaderState implements SessionState {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  covers(): boolean {
    return true;
  }

  read(head: RequestHead): string {
    return decode(head.find(this.#name) ?? "");
  }

  update(head: ResponseHead, host: string, named: string): boolean {
    if (host === named) return false;
    head.set(this.#name, encode(host));
    return true;
  }
}

/** The upstream's own session id goes to the client together with the host: `<host>;UV:<id>`, both in base64. */
class EnvelopeState implements SessionState {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  covers(): boolean {
    return true;
  }

  read(head: RequestHead): string {
    const parts = (head.find(this.#name) ?? "").split(";").filter((part) => part !== "");
    const own = parts.slice(1).find((part) => part.startsWith(idMark)) ?? "";
    const id = decode(own.slice(idMark.length));
    if (id === "") return "";
    head.set(this.#name, id);
    return decode(parts[0] as string);
  }

  update(head: ResponseHead, host: string, named: string): boolean {
    if (head.names.indexOf(this.#name) !== head.names.lastIndexOf(this.#name)) return false;
    const id = head.find(this.#name);
    if (id === null) return false;
    head.set(this.#name, `${encode(host)};${idMark}${encode(id)}`);
    return host !== named;
  }
}

/** "" for what is no base64 with its padding. Envoy: Base64::decode. */
function decode(base64: string): string {
  const bytes = Buffer.from(base64, "base64");
  return bytes.toString("base64") === base64 ? bytes.toString("latin1") : "";
}

function encode(text: string): string {
  return Buffer.from(text, "latin1").toString("base64");
}

function wallSeconds(): number {
  return Math.floor(eventClock.wallNow / 1000);
}

const idMark = "UV:";
