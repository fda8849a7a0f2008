import { isEnvoyAuthority, isStrictAuthority } from "../authority.ts";
import { type HeaderBlock, RequestHead, ResponseHead } from "../header-block.ts";
import { Known } from "../names.ts";
import { sanitizeConnection } from "./connection-field.ts";
import { tokenChars } from "./field-name.ts";
import { Framing } from "./framing.ts";
import { failed, HeadParser, isControl, needMore } from "./head-parser.ts";
import type { Http1Options } from "./options.ts";
import {
  bodyDisallowed,
  codecError,
  connectionHeaderRejected,
  invalidAuthority,
  invalidCharacters,
  invalidMethod,
  invalidScheme,
  invalidTarget,
  invalidTransferEncoding,
  invalidUrl,
  lowVersion,
  missingHost,
  type ProtocolError,
} from "./protocol-error.ts";
import { isDigit, knownMethods, targetChars, versionKind } from "./request-line.ts";

/** Parses request heads into one RequestHead, which it reuses: call reset() in front of the next. */
export class RequestParser extends HeadParser {
  readonly head = new RequestHead();
  readonly framing = new Framing();
  isHttp10 = false;
  #target = "";
  #host = "";
  #hostIsValid = true;

  constructor(options: Http1Options) {
    super(options, options.maxHeaders);
  }

  override reset(): void {
    super.reset();
    this.head.reset();
    this.framing.reset();
    this.isHttp10 = false;
    this.#target = "";
    this.#host = "";
    this.#hostIsValid = true;
  }

  protected override block(): HeaderBlock {
    return this.head;
  }

  protected override firstLine(text: string, from: number): number {
    const end = text.length;
    let i: number;
    let c = 0;
    if (text.startsWith("GET ", from)) {
      this.head.method = "GET";
      i = from + 3;
    } else if (text.startsWith("POST ", from)) {
      this.head.method = "POST";
      i = from + 4;
    } else {
      i = from;
      // Envoy looks at the first byte before anything else.
      if (!isMethodStart(text.charCodeAt(from))) return this.fail(invalidMethod);
      while (i < end && tokenChars[(c = text.charCodeAt(i))] === 1) i++;
      if (i >= end) return needMore;
      if (c !== 32) return this.failLine(text, i, isControl(c) ? invalidCharacters : invalidMethod);
      this.head.method = text.slice(from, i);
      if (!knownMethods.has(this.head.method) && !this.options.allowCustomMethods) {
        return this.failLine(text, i, invalidMethod);
      }
    }
    i++;
    if (this.options.leniency) while (text.charCodeAt(i) === 32) i++;
    const targetAt = i;
    while (i < end && targetChars[(c = text.charCodeAt(i))] === 1) i++;
    if (i >= end) return needMore;
    if (c === 32 && i > targetAt && text.startsWith(" HTTP/1.1\r\n", i)) {
      this.#target = text.slice(targetAt, i);
      return i + 11;
    }
    return this.#versionSlow(text, targetAt, i, c);
  }

  #versionSlow(text: string, targetAt: number, targetEnd: number, c: number): number {
    const lf = text.indexOf("\n", targetEnd);
    if (lf < 0) return needMore;
    const hasCr = text.charCodeAt(lf - 1) === 13;
    // HTTP/0.9: a request line without a version.
    if ((c === 13 && targetEnd === lf - 1) || c === 10)
      return this.fail(targetEnd > targetAt ? lowVersion : invalidTarget);
    if (c !== 32 || targetEnd === targetAt) return this.fail(isControl(c) ? invalidCharacters : invalidTarget);
    let from = targetEnd + 1;
    let to = hasCr ? lf - 1 : lf;
    if (this.options.leniency) {
      while (text.charCodeAt(from) === 32) from++;
      while (to > from && text.charCodeAt(to - 1) === 32) to--;
    } else if (!hasCr) return this.fail(codecError);
    const version = text.slice(from, to);
    for (let i = 0; i < version.length; i++) if (isControl(version.charCodeAt(i))) return this.fail(invalidCharacters);
    this.#target = text.slice(targetAt, targetEnd);
    switch (versionKind(version)) {
      case "1.1":
        return lf + 1;
      case "1.0":
        if (!this.options.acceptHttp10) return this.fail(lowVersion);
        this.isHttp10 = true;
        return lf + 1;
      case "other":
        return this.fail(lowVersion);
      case "invalid":
        return this.fail(codecError);
    }
  }

  protected override checkPartial(text: string): boolean {
    if (this.isFirstLineDone || text === "") return true;
    const c = text.charCodeAt(0);
    return c === 13 || isMethodStart(c);
  }

  protected override host(value: string, rawName: string): boolean {
    if (++this.hostFields === 1) this.#host = value;
    // Envoy joins them, and checks each alone.
    else this.#host = `${this.#host},${value}`;
    if (this.options.headerCase === "preserve") this.head.hostName = rawName;
    this.#hostIsValid = this.#hostIsValid && this.#isAuthority(value);
    return true;
  }

  protected override finish(): ProtocolError | null {
    const hostIsValid = this.#hostIsValid;
    const error = this.framing.read(this.head, this.lengthFields, this.codingFields, this.options.leniency);
    if (error !== null) return error;
    if (this.hostFields > 1 && !this.options.leniency) return codecError;
    if (this.head.has(connectionId)) {
      const verdict = sanitizeConnection(this.head);
      if (verdict === "rejected") return connectionHeaderRejected;
      if (verdict === "host") this.hostFields = 0;
    }
    const target = this.#target;
    if (target.charCodeAt(0) === 47 && this.head.method !== "CONNECT") {
      this.head.path = target;
      return this.#useHost(hostIsValid);
    }
    return this.#targetSlow(target, hostIsValid);
  }

  #useHost(hostIsValid: boolean): ProtocolError | null {
    if (this.hostFields === 0) {
      if (!this.isHttp10 || this.options.defaultHostForHttp10 === "") return missingHost;
      this.head.authority = this.options.defaultHostForHttp10;
      return null;
    }
    if (!hostIsValid) return invalidAuthority;
    this.head.authority = this.#host;
    return null;
  }

  #isAuthority(text: string): boolean {
    return this.options.leniency ? isEnvoyAuthority(text) : isStrictAuthority(text);
  }

  /** RFC 9112 section 3.2: authority-form, asterisk-form and absolute-form. */
  #targetSlow(target: string, hostIsValid: boolean): ProtocolError | null {
    const head = this.head;
    if (head.method === "CONNECT") {
      // RFC 9110 section 9.3.6: a CONNECT has no content.
      if (this.framing.isChunked) return invalidTransferEncoding;
      if (this.framing.contentLength > 0) return bodyDisallowed;
      if (!this.#isAuthority(target)) return invalidUrl;
      head.authority = target;
      return null;
    }
    if (target === "*") {
      if (head.method !== "OPTIONS") return invalidUrl;
      head.path = "*";
      return this.#useHost(hostIsValid);
    }
    const colon = target.indexOf("://");
    if (colon < 0) return invalidUrl;
    const scheme = target.slice(0, colon).toLowerCase();
    if (scheme !== "http" && scheme !== "https") return invalidScheme;
    let i = colon + 3;
    while (i < target.length && !isAuthorityEnd(target.charCodeAt(i))) i++;
    const authority = target.slice(colon + 3, i);
    if (authority === "") return invalidUrl;
    if (!this.#isAuthority(authority)) return invalidAuthority;
    head.scheme = scheme;
    head.authority = authority;
    head.path = target.charCodeAt(i) === 47 ? target.slice(i) : `/${target.slice(i)}`;
    return null;
  }
}

/** Parses response heads into one ResponseHead, which it reuses: call reset() in front of the next. */
export class ResponseParser extends HeadParser {
  readonly head = new ResponseHead();
  readonly framing = new Framing();
  isHttp10 = false;

  constructor(options: Http1Options) {
    super(options, options.maxHeaders);
  }

  override reset(): void {
    super.reset();
    this.head.reset();
    this.framing.reset();
    this.isHttp10 = false;
  }

  protected override block(): HeaderBlock {
    return this.head;
  }

  protected override firstLine(text: string, from: number): number {
    const lf = text.indexOf("\n", from);
    if (lf < 0) return needMore;
    const hasCr = text.charCodeAt(lf - 1) === 13;
    if (!hasCr && !this.options.leniency) return this.fail(codecError);
    const end = hasCr ? lf - 1 : lf;
    if (text.startsWith("HTTP/1.0", from)) this.isHttp10 = true;
    else if (!text.startsWith("HTTP/1.1", from)) return this.fail(codecError);
    let i = from + 8;
    if (i + 4 > end || text.charCodeAt(i) !== 32) return this.fail(codecError);
    i++;
    let status = 0;
    const digitsAt = i;
    while (i < end && isDigit(text.charCodeAt(i))) status = status * 10 + text.charCodeAt(i++) - 48;
    const isEnough = this.options.leniency ? i - digitsAt >= 3 && i - digitsAt <= 5 : i - digitsAt === 3;
    if (!isEnough || status < 100 || (i < end && text.charCodeAt(i) !== 32)) return this.fail(codecError);
    for (; i < end; i++) {
      const c = text.charCodeAt(i);
      if (isControl(c)) return this.fail(invalidCharacters);
      if (c === 13 && !this.options.leniency) return this.fail(codecError);
    }
    this.head.status = status;
    return lf + 1;
  }

  protected override checkPartial(text: string): boolean {
    if (this.isFirstLineDone || text === "\r") return true;
    return text.length < 5 ? "HTTP/".startsWith(text) : text.startsWith("HTTP/");
  }

  protected override host(): boolean {
    return false;
  }

  protected override finish(): ProtocolError | null {
    const status = this.head.status;
    const error = this.framing.read(this.head, this.lengthFields, this.codingFields, this.options.leniency);
    if (error !== null) return error;
    // RFC 9112 section 6.1: neither may stand in a 1xx or 204. Envoy refuses it, but takes "content-length: 0".
    if (status < 200 || status === 204) {
      if (this.framing.isChunked || this.framing.contentLength > 0) return codecError;
    }
    return null;
  }
}

/** Parses the trailers of a chunked body; framing fields among them are dropped by whoever reads them. */
export class TrailerParser extends HeadParser {
  readonly trailers: HeaderBlock;

  constructor(options: Http1Options, trailers: HeaderBlock, tooMany: ProtocolError, tooLarge: ProtocolError) {
    super(options, options.leniency ? Number.MAX_SAFE_INTEGER : options.maxHeaders, tooMany, tooLarge);
    this.trailers = trailers;
    this.isFirstLineDone = true;
  }

  override reset(): void {
    super.reset();
    this.trailers.reset();
    this.isFirstLineDone = true;
  }

  protected override block(): HeaderBlock {
    return this.trailers;
  }

  protected override firstLine(): number {
    return failed;
  }

  protected override checkPartial(): boolean {
    return true;
  }

  protected override host(): boolean {
    return false;
  }

  /** RFC 9110 section 6.5.1: what frames or routes a message has no effect in trailers and is not passed on. */
  protected override finish(): ProtocolError | null {
    if (this.lengthFields > 0) this.trailers.remove("content-length");
    if (this.codingFields > 0) this.trailers.remove("transfer-encoding");
    this.trailers.remove("host");
    return null;
  }
}

function isMethodStart(c: number): boolean {
  return c >= 65 && c <= 90;
}

/** "/", "?" or "#". */
function isAuthorityEnd(c: number): boolean {
  return c === 47 || c === 63 || c === 35;
}

const connectionId = Known.connection;
