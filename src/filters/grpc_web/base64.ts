/**
 * Decodes base64 that comes in pieces cut anywhere: groups of four characters, padded at their end and nowhere else.
 * Envoy: GrpcWebFilter::decodeData over Base64::decode.
 */
export class Base64Decoder {
  /** Fewer than four characters that wait for the rest of their group. */
  #rest: Buffer = empty;

  /** The bytes of all whole groups; "size" where the last piece leaves a group open, "data" where it is no base64. */
  decode(bytes: Buffer, isLast: boolean): Buffer | "size" | "data" {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const whole = all.length - (all.length % 4);
    if (isLast && whole !== all.length) return "size";
    // A copy, for the bytes are the codec's.
    this.#rest = whole === all.length ? empty : Buffer.from(all.subarray(whole));
    if (whole === 0) return empty;
    const text = all.latin1Slice(0, whole);
    if (!isBase64(text)) return "data";
    return Buffer.from(text, "base64");
  }
}

/** Encodes messages one by one as they pass: each is padded at its end, so that what is written can be read before the next comes. */
export class Base64FrameEncoder {
  /** Bytes of the present message that do not make a group of three yet. */
  #rest: Buffer = empty;
  /** Bytes of the prefix that came. */
  #prefix = 0;
  #left = 0;

  encode(bytes: Buffer): Buffer {
    let text = "";
    let at = 0;
    while (at < bytes.length) {
      const start = at;
      for (; at < bytes.length && this.#prefix < prefixLength; at++, this.#prefix++) {
        if (this.#prefix > 0) this.#left = this.#left * 256 + (bytes[at] as number);
      }
      const taken = this.#prefix < prefixLength ? 0 : Math.min(this.#left, bytes.length - at);
      at += taken;
      this.#left -= taken;
      const isWhole = this.#prefix === prefixLength && this.#left === 0;
      if (isWhole) this.#prefix = 0;
      text += this.#groups(bytes.subarray(start, at), isWhole);
    }
    return Buffer.from(text, "latin1");
  }

  /** A message that was cut short ends here. */
  flush(): Buffer {
    return Buffer.from(this.#groups(empty, true), "latin1");
  }

  #groups(bytes: Buffer, isWhole: boolean): string {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const end = isWhole ? all.length : all.length - (all.length % 3);
    this.#rest = end === all.length ? empty : Buffer.from(all.subarray(end));
    return all.toString("base64", 0, end);
  }
}

/** Whole groups, at most two "=" behind the last one, and no bits set that no byte has. */
function isBase64(text: string): boolean {
  const length = text.endsWith("==") ? text.length - 2 : text.endsWith("=") ? text.length - 1 : text.length;
  for (let i = 0; i < length; i++) if (sixBits(text.charCodeAt(i)) < 0) return false;
  if (length === text.length) return true;
  const last = sixBits(text.charCodeAt(length - 1));
  return (last & (text.length - length === 2 ? 15 : 3)) === 0;
}

/** 0 to 63 of the alphabet of RFC 4648 section 4, -1 for any other character. */
function sixBits(code: number): number {
  if (code >= 65 && code <= 90) return code - 65;
  if (code >= 97 && code <= 122) return code - 71;
  if (code >= 48 && code <= 57) return code + 4;
  if (code === 43) return 62;
  return code === 47 ? 63 : -1;
}

const empty = Buffer.alloc(0);
const prefixLength = 5;
