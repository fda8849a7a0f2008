import { randomFillSync } from "node:crypto";
import type { SecureContext } from "node:tls";

/**
 * Lets a server's context open the tickets of several keys: the first encrypts. Who resumes gets a new ticket, as from BoringSSL: a
 * client of TLS 1.3 uses each once (RFC 8446 appendix C.4), and would have none for its next connection. node:tls takes one key only and
 * makes none anew; its binding has the hook of OpenSSL (SSL_CTX_set_tlsext_ticket_key_cb). Keys: 48 bytes in base64.
 */
export function encryptTickets(context: SecureContext, keys: readonly string[]): void {
  const parts = keys.map((key): KeyParts => {
    const bytes = Buffer.from(key, "base64");
    return { name: bytes.subarray(0, 16), hmac: bytes.subarray(16, 32), aes: bytes.subarray(32, 48) };
  });
  const binding = context.context as TicketBinding;
  binding.onticketkeycallback = (name, _iv, isEncrypting) => {
    const at = isEncrypting ? 0 : parts.findIndex((part) => part.name.equals(name));
    // Node's binding looks at the keys of every answer, and aborts the process where there are none.
    const { hmac, aes, name: keyName } = parts[Math.max(at, 0)] as KeyParts;
    const verdict = at < 0 ? unknownKey : isEncrypting ? goodKey : renewed;
    return [verdict, hmac, aes, keyName, isEncrypting ? nextIv() : noIv];
  };
  binding.enableTicketKeyCallback();
}

/** Random bytes of which none is used twice; to ask for many at a time costs as much as for 16. */
function nextIv(): Buffer {
  if (ivsUsed === ivs.length) {
    randomFillSync(ivs);
    ivsUsed = 0;
  }
  ivsUsed += 16;
  return ivs.subarray(ivsUsed - 16, ivsUsed);
}

interface KeyParts {
  name: Buffer;
  hmac: Buffer;
  aes: Buffer;
}

interface TicketBinding {
  /** What to do, the two keys, and for a new ticket the key's name and its IV. */
  onticketkeycallback: (name: Buffer, iv: Buffer, isEncrypting: boolean) => [number, ...Buffer[]];
  enableTicketKeyCallback(): void;
}

const ivs = Buffer.alloc(4096);
let ivsUsed = ivs.length;
const noIv = Buffer.alloc(16);
const unknownKey = 0;
const goodKey = 1;
/** The ticket is good, and the client gets a new one. */
const renewed = 2;
