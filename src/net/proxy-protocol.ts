import { isIPv4, isIPv6 } from "node:net";

/** What a PROXY protocol header tells. The addresses are null where it names none (UNKNOWN, LOCAL): the socket's own hold. */
export interface ProxyHeader {
  version: 1 | 2;
  /** Of the header in bytes. */
  length: number;
  addresses: ProxiedAddresses | null;
}

export interface ProxiedAddresses {
  remoteAddress: string;
  remotePort: number;
  localAddress: string;
  localPort: number;
  /** Of version 2, in order. */
  tlvs: ProxyTlv[];
}

/** A type of one byte and what it says. */
export interface ProxyTlv {
  type: number;
  value: Uint8Array;
}

/**
 * Reads a PROXY protocol header (haproxy's proxy-protocol.txt, sections 2.1 and 2.2) at the start of a connection. "more" when it is not
 * whole yet, "none" when the bytes begin otherwise, "bad" when they begin as one and are not.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | "more" | "none" | "bad" {
  if (startsAs(bytes, signature2)) return bytes.length < signature2.length ? "more" : readVersion2(bytes);
  if (startsAs(bytes, signature1)) return bytes.length < signature1.length ? "more" : readVersion1(bytes);
  return "none";
}

/** One begins as the other does, as far as both go. */
function startsAs(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return length > 0 && bytes.compare(signature, 0, length, 0, length) === 0;
}

function readVersion1(bytes: Buffer): ProxyHeader | "more" | "bad" {
  const end = bytes.subarray(0, longestVersion1).indexOf("\r\n");
  if (end < 0) return bytes.length >= longestVersion1 ? "bad" : "more";
  const words = bytes.latin1Slice(0, end).trimEnd().split(" ");
  const header: ProxyHeader = { version: 1, length: end + 2, addresses: null };
  if (words[1] === "UNKNOWN") return header;
  const [, family, remoteAddress = "", localAddress = "", remotePort = "", localPort = ""] = words;
  const isAddress = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6 : null;
  if (isAddress === null || words.length !== 6) return "bad";
  if (!isAddress(remoteAddress) || !isAddress(localAddress) || !isPort(remotePort) || !isPort(localPort)) return "bad";
  header.addresses = {
    remoteAddress: canonical(remoteAddress),
    remotePort: Number(remotePort),
    localAddress: canonical(localAddress),
    localPort: Number(localPort),
    tlvs: [],
  };
  return header;
}

function readVersion2(bytes: Buffer): ProxyHeader | "more" | "bad" {
  if (bytes.length < 16) return "more";
  const versionAndCommand = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const length = 16 + bytes.readUInt16BE(14);
  if (versionAndCommand >> 4 !== 2 || (versionAndCommand & 15) > 1) return "bad";
  const isLocal = (versionAndCommand & 15) === 0;
  const addressSize = isLocal ? 0 : addressSizes[family];
  if (addressSize === undefined || length - 16 < addressSize) return "bad";
  if (bytes.length < length) return "more";
  const header: ProxyHeader = { version: 2, length, addresses: null };
  if (isLocal) return header;
  const half = addressSize === 12 ? 4 : 16;
  const tlvs: ProxyTlv[] = [];
  header.addresses = {
    remoteAddress: addressAt(bytes, 16, half),
    localAddress: addressAt(bytes, 16 + half, half),
    remotePort: bytes.readUInt16BE(16 + 2 * half),
    localPort: bytes.readUInt16BE(18 + 2 * half),
    tlvs,
  };
  for (let at = 16 + addressSize; at < length; ) {
    if (at + 3 > length) return "bad";
    const end = at + 3 + bytes.readUInt16BE(at + 1);
    if (end > length) return "bad";
    tlvs.push({ type: bytes.readUInt8(at), value: Buffer.from(bytes.subarray(at + 3, end)) });
    at = end;
  }
  return header;
}

function addressAt(bytes: Buffer, at: number, size: number): string {
  if (size === 4) return bytes.subarray(at, at + 4).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i).toString(16));
  return canonical(groups.join(":"));
}

/** RFC 5952. */
function canonical(ip: string): string {
  return ip.includes(":") ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) < 65_536;
}

const signature1 = Buffer.from("PROXY ");
/** The first bytes of version 2. */
export const signature2 = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const longestVersion1 = 107;
/** By family and transport, of both addresses and ports: TCP and UDP over IPv4 and over IPv6. Envoy does not ask for TCP either. */
const addressSizes: Record<number, number> = { 17: 12, 18: 12, 33: 36, 34: 36 };
