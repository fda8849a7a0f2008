/** What a ClientHello tells before anything is decided. */
export interface ClientHello {
  /** server_name, lower-case; "" without one. */
  serverName: string;
  /** The protocols it offers, in its order. */
  alpn: string[];
}

/**
 * Reads the ClientHello at the start of a connection (RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301). "more" when it is
 * not whole yet, null when the bytes are no TLS.
 */
export function readClientHello(bytes: Buffer): ClientHello | "more" | null {
  const message = handshakeBytes(bytes);
  if (message === null || message === "more") return message;
  if (message.length < 4) return "more";
  if (message[0] !== 1) return null;
  const end = 4 + message.readUIntBE(1, 3);
  if (message.length < end) return "more";
  const hello: ClientHello = { serverName: "", alpn: [] };
  try {
    readBody(message.subarray(4, end), hello);
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
  return Buffer.concat(parts);
}

function readBody(body: Buffer, hello: ClientHello): void {
  let at = 34;
  at += 1 + body.readUInt8(at);
  at += 2 + body.readUInt16BE(at);
  at += 1 + body.readUInt8(at);
  if (at >= body.length) return;
  const end = at + 2 + body.readUInt16BE(at);
  at += 2;
  while (at + 4 <= end) {
    const type = body.readUInt16BE(at);
    const size = body.readUInt16BE(at + 2);
    const data = body.subarray(at + 4, at + 4 + size);
    if (type === 0) readServerName(data, hello);
    else if (type === 16) readAlpn(data, hello);
    at += 4 + size;
  }
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

const maxRecord = 16_384 + 256;
/** Envoy's tls_inspector reads no more than 16 KiB. */
const maxHello = 16_384;
