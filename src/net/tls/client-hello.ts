import { ja3Of, ja4Of } from "./fingerprint.ts";

/** What a ClientHello tells before anything is decided. */
export interface ClientHello {
  /** server_name, lower-case; "" without one. */
  serverName: string;
  /** The protocols it offers, in its order. */
  alpn: string[];
  /** status_request: it takes an OCSP response. */
  asksOcsp: boolean;
  /** It takes an ECDSA certificate on P-256. */
  isEcdsaCapable: boolean;
  /** Fingerprints; "" where nobody asked for them. */
  ja3: string;
  ja4: string;
}

/** Which fingerprints are made. */
export interface Fingerprints {
  ja3: boolean;
  ja4: boolean;
}

/**
 * Reads the ClientHello at the start of a connection (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301). "more" when it is
 * not whole yet, null when the bytes are no TLS.
 */
export function readClientHello(bytes: Buffer, fingerprints: Fingerprints): ClientHello | "more" | null {
  const message = handshakeBytes(bytes);
  if (message === null || message === "more") return message;
  if (message.length < 4) return "more";
  if (message[0] !== 1) return null;
  const end = 4 + message.readUIntBE(1, 3);
  if (message.length < end) return "more";
  const body = message.subarray(4, end);
  const hello: ClientHello = {
    serverName: "",
    alpn: [],
    asksOcsp: false,
    isEcdsaCapable: false,
    ja3: fingerprints.ja3 ? ja3Of(body) : "",
    ja4: fingerprints.ja4 ? ja4Of(body) : "",
  };
  try {
    readBody(body, hello);
  } catch {
    // Lengths that point outside: the TLS library will say so to the peer.
    return hello;
  }
  return hello;
}

/** The handshake messages inside the first records. */
function handshakeBytes(bytes: Buffer): Buffer | "more" | null {
  const parts: Buffer[] = [];
  let at = 0;
  let needed = 4;
  let length = 0;
  while (length < needed) {
    if (bytes.length > at && bytes[at] !== 22) return null;
    if (bytes.length > at + 1 && bytes[at + 1] !== 3) return null;
    if (bytes.length < at + 5) return "more";
    const size = bytes.readUInt16BE(at + 3);
    if (size === 0 || size > maxRecord) return null;
    const part = bytes.subarray(at + 5, Math.min(bytes.length, at + 5 + size));
    parts.push(part);
    length += part.length;
    if (part.length < size) break;
    at += 5 + size;
    const joined = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    if (joined.length >= 4) needed = 4 + joined.readUIntBE(1, 3);
    if (needed > maxHello) return null;
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

function readBody(body: Buffer, hello: ClientHello): void {
  let at = 34;
  at += 1 + body.readUInt8(at);
  const ciphers = body.subarray(at, at + 2 + body.readUInt16BE(at));
  at += ciphers.length;
  at += 1 + body.readUInt8(at);
  if (at >= body.length) return;
  const end = at + 2 + body.readUInt16BE(at);
  let isTls13 = false;
  at += 2;
  while (at + 4 <= end) {
    const type = body.readUInt16BE(at);
    const size = body.readUInt16BE(at + 2);
    at += 4;
    if (type === 0) readServerName(body.subarray(at, at + size), hello);
    else if (type === 16) readAlpn(body.subarray(at, at + size), hello);
    else if (type === 5) hello.asksOcsp = true;
    else if (type === 13) hello.isEcdsaCapable = hasWord(body.subarray(at, at + size), 2, ecdsaP256);
    else if (type === 43) isTls13 = hasWord(body.subarray(at, at + size), 1, 0x0304);
    at += size;
  }
  // TLS 1.3's suites say nothing of the certificate.
  if (!isTls13 && !ecdsaCiphers.some((cipher) => hasWord(ciphers, 2, cipher))) hello.isEcdsaCapable = false;
}

function readServerName(data: Buffer, hello: ClientHello): void {
  let at = 2;
  while (at + 3 <= data.length) {
    const size = data.readUInt16BE(at + 1);
    if (data[at] === 0) {
      hello.serverName = data.latin1Slice(at + 3, at + 3 + size).toLowerCase();
      return;
    }
    at += 3 + size;
  }
}

function readAlpn(data: Buffer, hello: ClientHello): void {
  let at = 2;
  while (at < data.length) {
    const size = data.readUInt8(at);
    hello.alpn.push(data.latin1Slice(at + 1, at + 1 + size));
    at += 1 + size;
  }
}

/** In a list of two-byte words from `at`, behind its length. */
function hasWord(list: Buffer, from: number, word: number): boolean {
  for (let at = from; at + 2 <= list.length; at += 2) if (list.readUInt16BE(at) === word) return true;
  return false;
}

/** Signature scheme ecdsa_secp256r1_sha256. */
const ecdsaP256 = 0x0403;
/** ECDHE-ECDSA with AES-GCM, ChaCha20 and AES-CBC. */
const ecdsaCiphers = [0xc02b, 0xcca9, 0xc02c, 0xc009, 0xc00a, 0xc023, 0xc024];
const maxRecord = 16_384 + 256;
/** Envoy's tls_inspector reads no more than 16 KiB. */
const maxHello = 16_384;
