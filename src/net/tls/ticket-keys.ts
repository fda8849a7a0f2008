import { randomBytes } from "node:crypto";
import type { SecureContext } from "node:tls";

/**
 * Lets a server's context open the tickets of several keys: the first encrypts, one of another key is opened and made anew. node:tls
 * takes one key only; its binding has the hook of OpenSSL (SSL_CTX_set_tlsext_ticket_key_cb). Keys: 48 bytes in base64.
 */
export function rotateTickets(context: SecureContext, keys: readonly string[]): void {
  const parts = keys.map((key) => {
    const bytes = Buffer.from(key, "base64");
    return { name: bytes.subarray(0, 16), hmac: bytes.subarray(16, 32), aes: bytes.subarray(32, 48) };
  });
  const binding = context.context as TicketBinding;
  binding.onticketkeycallback = (name, _iv, isEncrypting) => {
    const at = isEncrypting ? 0 : parts.findIndex((part) => part.name.equals(name));
    const part = parts[at];
    if (part === undefined) return [unknownKey];
    const verdict = isEncrypting || at === 0 ? goodKey : oldKey;
    return [verdict, part.hmac, part.aes, part.name, randomBytes(16)];
  };
  binding.enableTicketKeyCallback();
}

interface TicketBinding {
  /** What to do, the two keys, and for a new ticket the key's name and its IV. */
  onticketkeycallback: (name: Buffer, iv: Buffer, isEncrypting: boolean) => [number, ...Buffer[]];
  enableTicketKeyCallback(): void;
}

const unknownKey = 0;
const goodKey = 1;
/** The ticket is good, and the client gets a new one. */
const oldKey = 2;
