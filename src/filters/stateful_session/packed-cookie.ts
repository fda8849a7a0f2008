import { isUtf8 } from "node:buffer";

/** envoy.Cookie of source/extensions/http/stateful_session/cookie: an address (1) and when it ends (2, seconds; 0: never). Wire text. */
export function packCookie(address: string, expires: number): string {
  return `\x0a${varint(address.length)}${address}${expires === 0 ? "" : `\x10${varint(expires)}`}`;
}

/** The address in a cookie, "" where there is none or it has ended. What is no message is an address itself, as in Envoy. */
export function unpackCookie(text: string, nowSeconds: number): string {
  const bytes = Buffer.from(text, "latin1");
  let address = "";
  let expires = 0n;
  for (at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes);
    const field = Number(tag >> 3n);
    const kind = Number(tag & 7n);
    const start = at;
    if (kind === 0) {
      const value = readVarint(bytes);
      if (field === 2) expires = value;
    } else if (kind === 1 || kind === 5) at += kind === 1 ? 8 : 4;
    else if (kind === 2) {
      const length = Number(readVarint(bytes));
      at += length;
    } else return text;
    if (tag < 8n || tag > maxTag || at > bytes.length) return text;
    if (kind !== 2 || field !== 1) continue;
    const length = lengthBytes(bytes, start);
    const value = bytes.subarray(start + length, at);
    if (!isUtf8(value)) return text;
    address = value.toString("latin1");
  }
  return expires !== 0n && BigInt(nowSeconds) > BigInt.asIntN(64, expires) ? "" : address;
}

/** Behind the bytes' end where it is cut off or too long. */
function readVarint(bytes: Buffer): bigint {
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at++];
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  at = bytes.length + 1;
  return 0n;
}

function lengthBytes(bytes: Buffer, start: number): number {
  let length = 1;
  while ((bytes[start + length - 1] as number) >= 0x80) length++;
  return length;
}

function varint(value: number): string {
  return value < 0x80
    ? String.fromCharCode(value)
    : String.fromCharCode((value % 0x80) + 0x80) + varint(Math.floor(value / 0x80));
}

/** Where unpackCookie stands. */
let at = 0;
/** Field numbers have 29 bits. */
const maxTag = 0xffffffffn;
