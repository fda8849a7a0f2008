import type { HeaderBlock } from "../header-block.ts";
import { Known } from "../names.ts";
import { fieldNames, hashName, tokenChars, underscoreName } from "./field-name.ts";
import { fieldValues } from "./field-value.ts";
import type { Http1Options } from "./options.ts";
import {
  codecError,
  headersTooLarge,
  invalidCharacters,
  invalidName,
  missingColon,
  type ProtocolError,
  tooManyHeaders,
  unexpectedUnderscore,
} from "./protocol-error.ts";

/**
 * Collects one head (a first line and fields, or trailers without a first line) from reads of any size.
 *
 *     feed() → NeedMore … → Done | Failed      reset() starts anew
 *
 * Only whole lines are parsed, in order, so that a head cut anywhere gives the same result; what is left of a line is
 * carried over and looked at again only when its LF has come: the work is linear in the bytes.
 */
export abstract class HeadParser {
  readonly options: Http1Options;
  /** Why it failed. */
  error: ProtocolError | null = null;
  /** Bytes taken for this head so far. */
  used = 0;
  /** What Envoy counts of the fields once the head is whole: names, values and three bytes each. */
  fieldBytes = 0;
  /** The number of Content-Length and Transfer-Encoding fields. */
  protected lengthFields = 0;
  protected codingFields = 0;
  protected hostFields = 0;
  protected fields = 0;
  protected isFirstLineDone = false;
  #textBytes = 0;
  readonly #maxFields: number;
  readonly #tooMany: ProtocolError;
  readonly #tooLarge: ProtocolError;
  readonly #keepsCase: boolean;
  #carry = "";
  /** The carried beginning of a line needs no second look before its LF has come. */
  #isCarryChecked = false;
  /** Leniency: the last field, whose value may go on in the next line. */
  #foldName = "";
  #foldValue = "";
  /** Where parsing of the current text stopped: the start of a line that is not whole, or the end of the head. */
  protected at = 0;

  constructor(options: Http1Options, maxFields: number, tooMany = tooManyHeaders, tooLarge = headersTooLarge) {
    this.options = options;
    this.#maxFields = maxFields;
    this.#tooMany = tooMany;
    this.#tooLarge = tooLarge;
    this.#keepsCase = options.headerCase === "preserve";
  }

  reset(): void {
    this.error = null;
    this.used = 0;
    this.fieldBytes = 0;
    this.#textBytes = 0;
    this.lengthFields = 0;
    this.codingFields = 0;
    this.hostFields = 0;
    this.fields = 0;
    this.isFirstLineDone = false;
    this.#carry = "";
    this.#isCarryChecked = false;
    this.#foldName = "";
    this.#foldValue = "";
    this.at = 0;
  }

  /** True when some of a head has come, but not all. */
  get isStarted(): boolean {
    return this.used > 0;
  }

  /** Takes bytes[at, length). The offset behind the head when it is done, -1 when more is needed, -2 when it failed. */
  feed(bytes: Buffer, at: number, length: number): number {
    const room = this.options.maxHeadBytes - this.used;
    let to = length - at > room ? at + room : length;
    const isOver = to < length;
    const carried = this.#carry.length;
    if (this.#isCarryChecked && !isOver && bytes.subarray(at, to).indexOf(10) < 0) {
      this.#carry += bytes.latin1Slice(at, to);
      this.used += to - at;
      return needMore;
    }
    // A head in front of a large body: slice the head alone.
    if (to - at > 2048) {
      const end = bytes.indexOf("\r\n\r\n", at, "latin1");
      if (end >= 0 && end + 4 < to) to = end + 4;
    }
    const text = carried > 0 ? this.#carry + bytes.latin1Slice(at, to) : bytes.latin1Slice(at, to);
    let base = at;
    let source: Uint8Array = bytes;
    if (carried > 0) {
      source = Buffer.from(text, "latin1");
      base = 0;
    }
    const result = this.#parse(text, source, base);
    if (result === done) {
      this.used += this.at - carried;
      this.#carry = "";
      this.#isCarryChecked = false;
      return at + this.at - carried;
    }
    if (result === needMore && !isOver) {
      this.#carry = this.at === 0 ? text : text.slice(this.at);
      this.#isCarryChecked = this.#carry.length >= 5 && this.#carry.charCodeAt(0) !== 13;
      this.used += to - at;
      return this.checkPartial(this.#carry) ? needMore : this.fail(codecError);
    }
    if (result === needMore) return this.fail(this.checkPartial(text.slice(this.at)) ? this.#tooLarge : codecError);
    return failed;
  }

  /** Parses the first line at `from`; the offset behind it, or needMore or failed. */
  protected abstract firstLine(text: string, from: number): number;
  /** False when what has come of an unfinished line cannot become a head. */
  protected abstract checkPartial(text: string): boolean;
  /** Where the fields go. */
  protected abstract block(): HeaderBlock;
  /** All fields are in. */
  protected abstract finish(): ProtocolError | null;
  /** A Host field. False: it is a field like others, as in a response. */
  protected abstract host(value: string, rawName: string): boolean;

  protected fail(error: ProtocolError): number {
    this.error = error;
    return failed;
  }

  /** An error at `at`, unless the line is not whole: then the same error comes when it is. */
  protected failLine(text: string, at: number, error: ProtocolError): number {
    return text.indexOf("\n", at) < 0 ? needMore : this.fail(error);
  }

  #parse(text: string, bytes: Uint8Array, base: number): number {
    this.at = 0;
    if (!this.isFirstLineDone) {
      let p = 0;
      // RFC 9112 section 2.2: empty lines before a request line are ignored.
      while (text.charCodeAt(p) === 13 && text.charCodeAt(p + 1) === 10) p += 2;
      if (this.options.leniency) while (text.charCodeAt(p) === 13 || text.charCodeAt(p) === 10) p++;
      this.at = p;
      // A CR alone may yet become an empty line.
      if (p === text.length || (text.charCodeAt(p) === 13 && p + 1 === text.length)) return needMore;
      const next = this.firstLine(text, p);
      if (next < 0) return next;
      this.isFirstLineDone = true;
      this.at = next;
    }
    return this.options.leniency ? this.#fieldsLenient(text) : this.#fieldsStrict(text, bytes, base);
  }

  /** bytes[base, …) are the text: bytes are scanned, the text is sliced. */
  #fieldsStrict(text: string, bytes: Uint8Array, base: number): number {
    const end = text.length;
    const block = this.block();
    let p = this.at;
    for (;;) {
      this.at = p;
      let i = p;
      let c = 0;
      let hash = 0;
      while (i < end && tokenChars[(c = bytes[base + i] as number)] === 1) {
        hash = (Math.imul(hash, 31) + c) | 0;
        i++;
      }
      if (i >= end) return needMore;
      if (c !== 58 || i === p) {
        if (c === 13 && i === p) {
          if (i + 1 >= end) return needMore;
          if (bytes[base + i + 1] === 10) return this.#finish(i + 2);
        }
        return this.failLine(text, i, nameError(c));
      }
      const slot = fieldNames.slotOf(bytes, base + p, base + i, hash);
      const nameLength = i++ - p;
      while (i < end && ((c = bytes[base + i] as number) === 32 || c === 9)) i++;
      const valueAt = i;
      const known = fieldValues.find(slot, bytes, base + i, base + end);
      if (known !== "") {
        const error = this.#field(block, slot, nameLength, known);
        if (error !== null) return this.fail(error);
        p = i + known.length + 2;
        continue;
      }
      while (i < end && valueChars[(c = bytes[base + i] as number)] === 1) i++;
      if (i + 1 >= end) return i < end && c !== 13 ? this.failLine(text, i, charError(c)) : needMore;
      // Bare LF, lone CR and controls: RFC 9112 section 2.2 and RFC 9110 section 5.5. Envoy takes the first two.
      if (c !== 13 || bytes[base + i + 1] !== 10) return this.failLine(text, i, charError(c));
      let valueEnd = i;
      while (valueEnd > valueAt && ((c = bytes[base + valueEnd - 1]) === 32 || c === 9)) valueEnd--;
      fieldValues.onMiss(slot, bytes, base + valueAt, base + valueEnd);
      const error = this.#field(block, slot, nameLength, text.slice(valueAt, valueEnd));
      if (error !== null) return this.fail(error);
      p = i + 2;
    }
  }

  /** Lines end with LF, a CR inside a value vanishes, a line that begins with a blank goes on with the value before. */
  #fieldsLenient(text: string): number {
    const block = this.block();
    let p = this.at;
    for (;;) {
      this.at = p;
      const lf = text.indexOf("\n", p);
      if (lf < 0) return needMore;
      const lineEnd = lf > p && text.charCodeAt(lf - 1) === 13 ? lf - 1 : lf;
      if (lineEnd === p) {
        // Whether a fold follows is known only now.
        const error = this.#flushFold(block);
        return error === null ? this.#finish(lf + 1) : this.fail(error);
      }
      const control = controlIn(text, p, lf);
      if (control) return this.fail(invalidCharacters);
      let c = text.charCodeAt(p);
      if (c === 32 || c === 9) {
        if (this.#foldName === "") return this.fail(codecError);
        this.#foldValue += text.slice(p, lf);
        p = lf + 1;
        continue;
      }
      const error = this.#flushFold(block);
      if (error !== null) return this.fail(error);
      let i = p;
      while (tokenChars[(c = text.charCodeAt(i))] === 1) i++;
      if (c !== 58 || i === p) return this.fail(nameError(c));
      this.#foldName = text.slice(p, i);
      this.#foldValue = text.slice(i + 1, lf);
      p = lf + 1;
    }
  }

  #flushFold(block: HeaderBlock): ProtocolError | null {
    const name = this.#foldName;
    if (name === "") return null;
    this.#foldName = "";
    const slot = fieldNames.slotOf(Buffer.from(name, "latin1"), 0, name.length, hashName(name));
    return this.#field(block, slot, name.length, trimBlanks(this.#foldValue.replaceAll("\r", "")));
  }

  /** A whole field; `slot` is that of its name. */
  #field(block: HeaderBlock, slot: number, nameLength: number, value: string): ProtocolError | null {
    if (++this.fields > this.#maxFields) return this.#tooMany;
    this.#textBytes += nameLength + value.length;
    const id = fieldNames.id(slot);
    const name = fieldNames.lower(slot);
    if (id < 0) {
      if (id === underscoreName) {
        const verdict = this.#underscore(name);
        if (verdict === "drop") return null;
        if (verdict === "reject") return unexpectedUnderscore;
      }
    } else if (id === contentLengthId) this.lengthFields++;
    else if (id === transferEncodingId) this.codingFields++;
    else if (id === hostId && this.host(value, fieldNames.raw(slot))) return null;
    if (this.#keepsCase) block.keepCase(fieldNames.raw(slot));
    block.append(name, value, id);
    return null;
  }

  #underscore(name: string): "keep" | "drop" | "reject" {
    const action = this.options.underscores;
    if (action === "REJECT_REQUEST") return "reject";
    if (action === "DROP_HEADER") return "drop";
    // A back end that maps "_" to "-" would frame the message otherwise than we do.
    const isFraming = name === "content_length" || name === "transfer_encoding";
    return isFraming && !this.options.leniency ? "reject" : "keep";
  }

  #finish(end: number): number {
    this.at = end;
    // A head without fields counts as one that is empty.
    this.fieldBytes = this.#textBytes + 3 * (this.fields || 1);
    const error = this.finish();
    return error === null ? done : this.fail(error);
  }
}

function nameError(c: number): ProtocolError {
  if (isControl(c)) return invalidCharacters;
  return c === 13 || c === 10 ? missingColon : invalidName;
}

function charError(c: number): ProtocolError {
  return isControl(c) ? invalidCharacters : codecError;
}

/** The characters that Envoy calls invalid_characters wherever they stand in a head. */
export function isControl(c: number): boolean {
  return (c < 32 && c !== 9 && c !== 10 && c !== 13) || c === 127;
}

function controlIn(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (isControl(text.charCodeAt(i))) return true;
  return false;
}

/** Without SP and HTAB at both ends. String.trim takes more than that. */
export function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && (text.charCodeAt(from) === 32 || text.charCodeAt(from) === 9)) from++;
  while (to > from && (text.charCodeAt(to - 1) === 32 || text.charCodeAt(to - 1) === 9)) to--;
  return text.slice(from, to);
}

export const needMore = -1;
export const failed = -2;
const done = 0;
const hostId = Known.host;
const contentLengthId = Known["content-length"];
const transferEncodingId = Known["transfer-encoding"];

const valueChars = new Uint8Array(256).fill(1);
valueChars.fill(0, 0, 32);
valueChars[9] = 1;
valueChars[127] = 0;
