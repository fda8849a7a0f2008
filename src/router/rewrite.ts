import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import { Regex } from "./regex.ts";
import type { HostRewriteSpec, RedirectSpec, RegexRewriteSpec } from "./spec.ts";
import { pathEnd, wire } from "./text.ts";

/** A pattern with its substitution, live. */
export class RegexRewrite {
  readonly #regex: Regex;
  readonly #substitution: string;

  constructor(spec: RegexRewriteSpec) {
    this.#regex = new Regex(spec.regex);
    this.#substitution = spec.substitution;
  }

  /** Rewrites the path of a request target and keeps the query. */
  applyToTarget(target: string): string {
    const end = pathEnd(target);
    return this.#regex.replaceAll(target.slice(0, end), this.#substitution) + target.slice(end);
  }

  apply(text: string): string {
    return this.#regex.replaceAll(text, this.#substitution);
  }
}

/** prefix_rewrite and regex_rewrite of a route or redirect. */
export class PathRewrite {
  readonly #prefix: string;
  readonly #regex: RegexRewrite | null;

  constructor(prefixRewrite: string, regexRewrite: RegexRewriteSpec | null) {
    this.#prefix = wire(prefixRewrite);
    this.#regex = regexRewrite === null ? null : new RegexRewrite(regexRewrite);
  }

  get isNone(): boolean {
    return this.#prefix === "" && this.#regex === null;
  }

  /** `matchedLength`: how much of the target the route's path condition took. */
  apply(target: string, matchedLength: number): string {
    if (this.#prefix !== "") return this.#prefix + target.slice(matchedLength);
    return this.#regex === null ? target : this.#regex.applyToTarget(target);
  }
}

/** How a route changes the authority; "auto" is the router filter's work. */
export class HostRewrite {
  readonly #kind: HostRewriteSpec["kind"];
  readonly #value: string;
  readonly #regex: RegexRewrite | null;

  constructor(spec: HostRewriteSpec) {
    this.#kind = spec.kind;
    this.#value = spec.kind === "literal" ? wire(spec.value) : spec.kind === "header" ? spec.name : "";
    this.#regex = spec.kind === "pathRegex" ? new RegexRewrite(spec.rewrite) : null;
  }

  /** The new authority; null to leave it. */
  authorityFor(head: RequestHead): string | null {
    switch (this.#kind) {
      case "literal":
        return this.#value;
      case "header":
        return head.find(this.#value) || null;
      case "pathRegex":
        return (this.#regex as RegexRewrite).apply(head.path.slice(0, pathEnd(head.path)));
      case "auto":
        return null;
    }
  }
}

/** Sets the authority and, if asked, appends the old one to x-forwarded-host. Envoy Utility::updateAuthority. */
export function updateAuthority(head: RequestHead, authority: string, appendXForwardedHost: boolean): void {
  if (appendXForwardedHost && head.authority !== "") {
    const before = head.joined("x-forwarded-host");
    if (before === null || before === "") head.set("x-forwarded-host", head.authority, Known["x-forwarded-host"]);
    else if (before.slice(before.lastIndexOf(",") + 1) !== head.authority) {
      head.set("x-forwarded-host", `${before},${head.authority}`, Known["x-forwarded-host"]);
    }
  }
  head.authority = authority;
}

/** Builds the Location of redirects. Envoy RouteEntryImplBase::newUri. */
export class Redirect {
  readonly #scheme: string;
  readonly #host: string;
  readonly #port: string;
  readonly #path: string;
  readonly #rewrite: PathRewrite;
  readonly #stripQuery: boolean;

  constructor(spec: RedirectSpec) {
    this.#scheme = wire(spec.scheme);
    this.#host = wire(spec.host);
    this.#port = spec.port === 0 ? "" : `:${spec.port}`;
    this.#path = wire(spec.path);
    this.#rewrite = new PathRewrite(spec.prefixRewrite, spec.regexRewrite);
    this.#stripQuery = spec.stripQuery;
  }

  locationFor(head: RequestHead, matchedLength: number): string {
    const scheme = this.#scheme || head.scheme;
    const host = this.#host || requestHost(head, scheme, this.#port);
    return `${scheme}://${host}${this.#port}${this.#target(head, matchedLength)}`;
  }

  #target(head: RequestHead, matchedLength: number): string {
    const query = head.path.indexOf("?");
    if (this.#path !== "") {
      // The query of path_redirect stands instead of the request's, strip_query or not.
      if (this.#path.includes("?") || query < 0 || this.#stripQuery) return this.#path;
      return this.#path + head.path.slice(query);
    }
    const target = this.#rewrite.apply(head.path, matchedLength);
    const end = this.#stripQuery ? target.indexOf("?") : -1;
    return end < 0 ? target : target.slice(0, end);
  }
}

/** The request's host, without a port that the new scheme or port makes wrong. Envoy processRequestHost. */
function requestHost(head: RequestHead, newScheme: string, newPort: string): string {
  const host = head.authority;
  let colon = host.lastIndexOf(":");
  if (host.startsWith("[")) {
    const bracket = host.lastIndexOf("]:");
    colon = bracket < 0 ? -1 : bracket + 1;
  }
  if (colon < 0) return host;
  const port = host.slice(colon);
  const isDefault = (head.scheme === "https" && port === ":443") || (head.scheme === "http" && port === ":80");
  return newPort !== "" || (newScheme !== head.scheme && isDefault) ? host.slice(0, colon) : host;
}
