import { isEnvoyAuthority, isStrictAuthority } from "../authority.ts";
import { tokenChars } from "../h1/field-name.ts";
import { targetChars } from "../h1/request-line.ts";
import { HeaderBlock, RequestHead, ResponseHead } from "../header-block.ts";
import type { Http2Counters } from "./counters.ts";
import type { FieldSink } from "./hpack-decoder.ts";
import { FieldFault, FieldKind, type HpackField } from "./hpack-field.ts";
import type { Http2Options } from "./settings.ts";

/**
 * Turns decoded fields into a head or trailers, by the rules of RFC 9113 section 8. A fault is remembered in `detail` and
 * what follows is only counted, for the decoder's table has to see the whole block.
 */
export class MessageReader implements FieldSink {
  isFull = false;
  /** Envoy's words for what is wrong; "" when nothing is. */
  detail = "";
  /** The fault is of a limit of ours or of what we do not take, which is no malformed message. */
  isRefused = false;
  /** The content-length, -1 without one. */
  contentLength = -1;
  readonly #options: Http2Options;
  readonly #counters: Http2Counters;
  readonly #valueFaults: number;
  #block: HeaderBlock | null = null;
  #request: RequestHead | null = null;
  #response: ResponseHead | null = null;
  #count = 0;
  #bytes = 0;
  /** Pseudo-fields seen, as bits by kind. */
  #seen = 0;
  #isRegular = false;
  #host = "";
  #hasHost = false;
  #cookieAt = -1;

  constructor(options: Http2Options, counters: Http2Counters) {
    this.#options = options;
    this.#counters = counters;
    this.#valueFaults =
      FieldFault.control |
      (options.leniency ? 0 : FieldFault.blankEnds) |
      (options.disallowsObsText ? FieldFault.obsText : 0);
  }

  /** Of the names and values so far. */
  get fieldBytes(): number {
    return this.#bytes;
  }

  startRequest(head: RequestHead): void {
    this.#start(head);
    this.#request = head;
  }

  startResponse(head: ResponseHead): void {
    this.#start(head);
    this.#response = head;
  }

  startTrailers(block: HeaderBlock): void {
    this.#start(block);
  }

  /** For a block whose stream is over: only the decoder's table matters. */
  startNothing(): void {
    this.#start(null);
    this.isFull = true;
  }

  onField(field: HpackField, length: number): void {
    this.#count++;
    this.#bytes += length;
    if (this.isFull) return;
    if (this.#count > this.#options.maxHeaders) {
      this.#counters.header_overflow++;
      this.#refuse("http2.too_many_headers");
    } else if (this.#bytes > this.#options.maxHeadBytes || length > this.#options.maxFieldBytes) {
      this.#counters.header_list_size_too_large++;
      this.#refuse("http2.header_list_size_too_large");
    } else if (field.kind === FieldKind.regular) this.#onRegular(field);
    else if ((field.valueFault & this.#valueFaults) !== 0) this.#fail(invalidField);
    else if (field.kind <= FieldKind.unknownPseudo) this.#onPseudo(field);
    else this.#onSpecial(field);
  }

  /** The block is whole: what must be there is looked for. */
  finish(endStream: boolean): void {
    if (this.isFull) return;
    if (this.#request !== null) this.#finishRequest(this.#request);
    else if (this.#response !== null && this.#response.status === 0) this.#fail(brokenRule);
    if (endStream && this.contentLength > 0 && this.#request !== null) this.#fail(brokenRule);
  }

  #start(block: HeaderBlock | null): void {
    this.isFull = false;
    this.detail = "";
    this.isRefused = false;
    this.contentLength = -1;
    this.#block = block;
    this.#request = null;
    this.#response = null;
    this.#count = 0;
    this.#bytes = 0;
    this.#seen = 0;
    this.#isRegular = false;
    this.#host = "";
    this.#hasHost = false;
    this.#cookieAt = -1;
  }

  #onRegular(field: HpackField): void {
    this.#isRegular = true;
    if (field.nameFault !== 0) {
      if (field.nameFault === FieldFault.name) {
        this.#fail(invalidField);
        return;
      }
      if (this.#options.underscores === "REJECT_REQUEST" && this.#response === null) {
        this.#counters.requests_rejected_with_underscores_in_headers++;
        this.#refuse("http2.unexpected_underscore");
        return;
      }
      if (this.#options.underscores === "DROP_HEADER" && this.#response === null) {
        this.#counters.dropped_headers_with_underscores++;
        return;
      }
    }
    if ((field.valueFault & this.#valueFaults) !== 0) this.#fail(invalidField);
    else this.#block?.append(field.name, field.value, field.id);
  }

  #onPseudo(field: HpackField): void {
    const bit = 1 << field.kind;
    if (this.#isRegular || (this.#seen & bit) !== 0) {
      this.#fail(invalidField);
      return;
    }
    this.#seen |= bit;
    if (this.#request !== null) this.#onRequestPseudo(this.#request, field);
    else if (this.#response !== null && field.kind === FieldKind.status) {
      this.#response.status = statusOf(field.value);
      if (this.#response.status === 0) this.#fail(invalidField);
    } else this.#fail(invalidField);
  }

  #onRequestPseudo(head: RequestHead, field: HpackField): void {
    const value = field.value;
    let isValid = false;
    switch (field.kind) {
      case FieldKind.method:
        head.method = value;
        isValid = isToken(value);
        break;
      case FieldKind.path:
        head.path = value;
        isValid = value !== "" && (isTarget(value) || (this.#options.leniency && !value.includes(" ")));
        break;
      case FieldKind.authority:
        head.authority = value;
        isValid = this.#isAuthority(value);
        break;
      case FieldKind.scheme:
        head.scheme = value;
        isValid = value === "http" || value === "https" || isScheme(value);
        break;
      case FieldKind.protocol:
        head.protocol = value;
        isValid = this.#options.allowConnect && isToken(value);
        break;
    }
    if (!isValid) this.#fail(invalidField);
  }

  #onSpecial(field: HpackField): void {
    this.#isRegular = true;
    const block = this.#block as HeaderBlock;
    const value = field.value;
    switch (field.kind) {
      case FieldKind.host:
        if (this.#request === null) block.append(field.name, value, field.id);
        else if (this.#hasHost || !this.#isAuthority(value)) this.#fail(invalidField);
        else {
          this.#hasHost = true;
          this.#host = value;
        }
        break;
      case FieldKind.cookie:
        // RFC 9113 section 8.2.3: the crumbs of a cookie are one field to everyone else.
        if (this.#request === null || this.#cookieAt < 0) {
          this.#cookieAt = block.size;
          block.append(field.name, value, field.id);
        } else block.values[this.#cookieAt] += `; ${value}`;
        break;
      case FieldKind.contentLength:
        if (this.contentLength >= 0) {
          this.#fail(invalidField);
          return;
        }
        this.contentLength = lengthOf(value);
        if (this.contentLength < 0) this.#fail(invalidField);
        else block.append(field.name, value, field.id);
        break;
      case FieldKind.te:
        if (value.toLowerCase() !== "trailers") this.#fail(invalidField);
        else block.append(field.name, value, field.id);
        break;
      default:
        this.#fail(invalidField);
    }
  }

  #finishRequest(head: RequestHead): void {
    if ((this.#seen & authorityBit) === 0 && this.#hasHost) head.authority = this.#host;
    const required = head.method === "CONNECT" && head.protocol === "" ? connectBits : requestBits;
    const seen = this.#seen & requestBits;
    if (seen !== required || head.authority === "" || (head.protocol !== "" && head.method !== "CONNECT")) {
      this.#fail(brokenRule);
      return;
    }
    if (required === connectBits) {
      if ((this.#seen & authorityBit) === 0) this.#fail(brokenRule);
      return;
    }
    // RFC 9113 section 8.3.1: an absolute path, or "*" for OPTIONS.
    if (head.path.charCodeAt(0) !== 47 && (head.path !== "*" || head.method !== "OPTIONS")) this.#fail(brokenRule);
  }

  #isAuthority(text: string): boolean {
    if (text === "") return false;
    return this.#options.leniency ? isEnvoyAuthority(text) && !text.includes("@") : isStrictAuthority(text);
  }

  #refuse(detail: string): void {
    this.isRefused = true;
    this.#fail(detail);
  }

  #fail(detail: string): void {
    this.detail = detail;
    this.isFull = true;
  }
}

/** Envoy's words for a field that nghttp2 refuses, and for a head as a whole. */
const invalidField = "http2.invalid.header.field";
export const brokenRule = "http2.violation.of.messaging.rule";

/** Lends heads to the streams of a thread: they are dear to make (HeaderBlock's index) and cheap to reset. */
export class HeadPool {
  readonly #requests: RequestHead[] = [];
  readonly #responses: ResponseHead[] = [];
  readonly #trailers: HeaderBlock[] = [];

  takeTrailers(): HeaderBlock {
    return this.#trailers.pop() ?? new HeaderBlock();
  }

  giveTrailers(block: HeaderBlock): void {
    block.reset();
    if (this.#trailers.length < maxIdle) this.#trailers.push(block);
  }

  takeRequest(): RequestHead {
    return this.#requests.pop() ?? new RequestHead();
  }

  giveRequest(head: RequestHead): void {
    head.reset();
    if (this.#requests.length < maxIdle) this.#requests.push(head);
  }

  takeResponse(): ResponseHead {
    return this.#responses.pop() ?? new ResponseHead();
  }

  giveResponse(head: ResponseHead): void {
    head.reset();
    if (this.#responses.length < maxIdle) this.#responses.push(head);
  }
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (tokenChars[text.charCodeAt(i)] !== 1) return false;
  return text !== "";
}

function isTarget(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (targetChars[text.charCodeAt(i)] !== 1) return false;
  return true;
}

/** RFC 3986 section 3.1. */
function isScheme(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*$/i.test(text);
}

/** Three digits from 100; 0 for anything else. */
function statusOf(text: string): number {
  if (text.length !== 3) return 0;
  const status = lengthOf(text);
  return status < 100 ? 0 : status;
}

/** Digits only, as a number; -1 for anything else or what no one can send. */
function lengthOf(text: string): number {
  if (text.length === 0 || text.length > 15) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

const authorityBit = 1 << FieldKind.authority;
const requestBits = (1 << FieldKind.method) | (1 << FieldKind.path) | (1 << FieldKind.scheme);
const connectBits = 1 << FieldKind.method;
const maxIdle = 256;
