import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { type CompileValue, compileKnown, type ValueFormatter } from "./header-mutation.ts";
import { Regex } from "./regex.ts";
import type { HostRewriteSpec, PathMatchSpec, PathRewriteSpec, RedirectSpec, RegexRewriteSpec } from "./spec.ts";
import { pathEnd, wire } from "./text.ts";
import { parseTemplateRewrite, parseUriTemplate, type RewritePiece } from "./uri-template.ts";

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

/** How a route or redirect changes the path. */
export interface PathRewrite {
  /** The new target; "" where it stays. `matchedLength`: how much of it the route's path condition took. */
  apply(target: string, matchedLength: number, info: StreamInfo): string;
}

/** null without a rewrite. `path`: the route's condition, whose variables a template uses. */
export function linkPathRewrite(
  spec: PathRewriteSpec | null,
  path: PathMatchSpec,
  compile: CompileValue,
): PathRewrite | null {
  switch (spec?.kind) {
    case undefined:
      return null;
    case "prefix":
      return new PrefixRewrite(wire(spec.value));
    case "regex":
      return new RegexPathRewrite(spec.rewrite);
    case "template":
      return new TemplateRewrite(path.value, spec.value);
    case "format":
      return new FormatRewrite(compileKnown(spec.value, compile));
  }
}

class PrefixRewrite implements PathRewrite {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  apply(target: string, matchedLength: number): string {
    return this.#prefix + target.slice(matchedLength);
  }
}

class RegexPathRewrite implements PathRewrite {
  readonly #rewrite: RegexRewrite;

  constructor(spec: RegexRewriteSpec) {
    this.#rewrite = new RegexRewrite(spec);
  }

  apply(target: string): string {
    return this.#rewrite.applyToTarget(target);
  }
}

class TemplateRewrite implements PathRewrite {
  readonly #regex: Regex;
  readonly #pieces: readonly RewritePiece[];

  /** Both must be as parse takes them. */
  constructor(template: string, rewrite: string) {
    const parsed = parseUriTemplate(template);
    const pieces = "error" in parsed ? parsed : parseTemplateRewrite(rewrite, parsed.variables);
    if ("error" in parsed || "error" in pieces) throw new Error(`parse accepted ${template} and ${rewrite}`);
    this.#regex = new Regex(parsed.regex);
    this.#pieces = pieces.pieces;
  }

  apply(target: string): string {
    const end = pathEnd(target);
    const groups = this.#regex.groups(target.slice(0, end));
    if (groups === null) return "";
    let path = "";
    for (const piece of this.#pieces) path += typeof piece === "string" ? piece : groups[piece + 1];
    return path + target.slice(end);
  }
}

class FormatRewrite implements PathRewrite {
  readonly #formatter: ValueFormatter;

  constructor(formatter: ValueFormatter) {
    this.#formatter = formatter;
  }

  apply(target: string, _matchedLength: number, info: StreamInfo): string {
    const path = this.#formatter.format(info);
    return path === "" ? "" : path + target.slice(pathEnd(target));
  }
}

/** How a route changes the authority; "auto" is the router filter's work. */
export class HostRewrite {
  readonly #kind: HostRewriteSpec["kind"];
  readonly #value: string;
  readonly #regex: RegexRewrite | null;
  readonly #formatter: ValueFormatter | null;

  constructor(spec: HostRewriteSpec, compile: CompileValue) {
    this.#kind = spec.kind;
    this.#value = spec.kind === "literal" ? wire(spec.value) : spec.kind === "header" ? spec.name : "";
    this.#regex = spec.kind === "pathRegex" ? new RegexRewrite(spec.rewrite) : null;
    this.#formatter = spec.kind === "format" ? compileKnown(spec.value, compile, "-") : null;
  }

  /** The new authority; null to leave it. */
  authorityFor(head: RequestHead, info: StreamInfo): string | null {
    switch (this.#kind) {
      case "literal":
        return this.#value;
      case "header":
        return head.find(this.#value) || null;
      case "pathRegex":
        return (this.#regex as RegexRewrite).apply(head.path.slice(0, pathEnd(head.path)));
      case "format":
        return (this.#formatter as ValueFormatter).format(info) || null;
      case "auto":
        return null;
    }
  }
}

/** Sets the authority and, if asked, appends the old one to x-forwarded-host. Envoy Utility::updateAuthority. */
export function updateAuthority(head: RequestHead, authority: string, appendXForwardedHost: boolean): void {
  if (appendXForwardedHost && head.authority !== "") {
    const before = head.get(Known["x-forwarded-host"]);
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
  readonly #rewrite: PathRewrite | null;
  readonly #stripQuery: boolean;

  constructor(spec: RedirectSpec, match: PathMatchSpec, compile: CompileValue) {
    this.#scheme = wire(spec.scheme);
    this.#host = wire(spec.host);
    this.#port = spec.port === 0 ? "" : `:${spec.port}`;
    this.#path = wire(spec.path);
    this.#rewrite = linkPathRewrite(spec.pathRewrite, match, compile);
    this.#stripQuery = spec.stripQuery;
  }

  locationFor(head: RequestHead, info: StreamInfo, matchedLength: number): string {
    const scheme = this.#scheme || head.scheme;
    const host = this.#host || requestHost(head, scheme, this.#port);
    return `${scheme}://${host}${this.#port}${this.#target(head, info, matchedLength)}`;
  }

  #target(head: RequestHead, info: StreamInfo, matchedLength: number): string {
    const query = head.path.indexOf("?");
    if (this.#path !== "") {
      // The query of path_redirect stands instead of the request's, strip_query or not.
      if (this.#path.includes("?") || query < 0 || this.#stripQuery) return this.#path;
      return this.#path + head.path.slice(query);
    }
    const target = this.#rewrite?.apply(head.path, matchedLength, info) || head.path;
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
