import type { HeaderBlock } from "../header-block.ts";
import { Known } from "../names.ts";
import {
  invalidLength,
  invalidTransferEncoding,
  lengthAndChunked,
  type ProtocolError,
  secondLength,
} from "./protocol-error.ts";

/**
 * Content-Length as a number, -1 when it is not 1*DIGIT or too large. Above 2^53 - 1 it cannot be counted exactly:
 * refused, except that leniency goes on up to Envoy's 64 bits.
 */
export function parseContentLength(text: string, leniency: boolean): number {
  if (text === "") return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  return leniency && value < 2 ** 64 ? value : -1;
}

/** How a message's body ends; what is read from Content-Length and Transfer-Encoding (RFC 9112 section 6.3). */
export class Framing {
  isChunked = false;
  /** -1 without Content-Length. */
  contentLength = -1;

  reset(): void {
    this.isChunked = false;
    this.contentLength = -1;
  }

  /** Reads the fields; makes the Content-Length text canonical, as the next hop may read "010" otherwise. */
  read(head: HeaderBlock, lengthFields: number, codingFields: number, leniency: boolean): ProtocolError | null {
    this.isChunked = false;
    this.contentLength = -1;
    if (lengthFields > 0) {
      // Envoy refuses equal duplicates too.
      if (lengthFields > 1) return secondLength;
      const text = head.get(contentLengthId) as string;
      const length = parseContentLength(text, leniency);
      if (length < 0) return invalidLength;
      if (codingFields > 0) return lengthAndChunked;
      this.contentLength = length;
      if (text.length > 1 && text.charCodeAt(0) === 48) head.set("content-length", String(length), contentLengthId);
      return null;
    }
    if (codingFields === 0) return null;
    if (codingFields > 1) return invalidTransferEncoding;
    const coding = head.get(transferEncodingId) as string;
    if (coding !== "chunked" && coding.toLowerCase() !== "chunked") return invalidTransferEncoding;
    this.isChunked = true;
    return null;
  }
}

const contentLengthId = Known["content-length"];
const transferEncodingId = Known["transfer-encoding"];
