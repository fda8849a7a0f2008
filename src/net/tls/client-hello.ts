import { ja3Of, ja4Of } from "./fingerprint.ts";
import { type FirstRecordFault, readFirstRecords } from "./first-records.ts";

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
 * not whole yet, a fault when the bytes are none.
 */
export function readClientHello(bytes: Buffer, fingerprints: Fingerprints): ClientHello | "more" | FirstRecordFault {
  const message = readFirstRecords(bytes);
  if (!Buffer.isBuffer(message)) return message;
  const body = message.subarray(4);
  const hello: ClientHello = {
    serverName: "",
    alpn: [],
    asksOcsp: false,
    isEcdsaCapable: false,
    ja3: fingerprints.ja3 ? ja3Of(body) : "",
    ja4: fingerprints.ja4 ? ja4Of(body) : "",
  };
  return readBody(body, hello) ? hello : parseFault;
}

/** False where a length points outside, or something is left. */
function readBody(body: Buffer, hello: ClientHello): boolean {
  try {
    readFields(body, hello);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function readFields(body: Buffer, hello: ClientHello): void {
  let at = 34;
  at += 1 + body.readUInt8(at);
  const ciphers = body.subarray(at, at + 2 + body.readUInt16BE(at));
  at += ciphers.length;
  at += 1 + body.readUInt8(at);
  if (at === body.length) return;
  const end = at + 2 + body.readUInt16BE(at);
  if (end !== body.length) throw new RangeError();
  let isTls13 = false;
  at += 2;
  while (at < end) {
    const type = body.readUInt16BE(at);
    const size = body.readUInt16BE(at + 2);
    at += 4;
    if (at + size > end) throw new RangeError();
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

const parseFault: FirstRecordFault = { reason: "CLIENTHELLO_PARSE_FAILED", alert: 50 };
/** Signature scheme ecdsa_secp256r1_sha256. */
const ecdsaP256 = 0x0403;
/** ECDHE-ECDSA with AES-GCM, ChaCha20 and AES-CBC. */
const ecdsaCiphers = [0xc02b, 0xcca9, 0xc02c, 0xc009, 0xc00a, 0xc023, 0xc024];
