import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { type Field, fieldValue } from "./http-text.ts";

/** The message with its body as it was before it was compressed: two compressors need not agree on their bytes. */
export function plainBody<Message extends { headers: Field[]; body: string; complete: boolean }>(
  message: Message,
): Message {
  const decode = decoders[fieldValue(message.headers, "content-encoding") ?? ""];
  if (decode === undefined || message.body === "" || !message.complete) return message;
  try {
    return { ...message, body: `compressed: ${decode(Buffer.from(message.body, "latin1")).toString("latin1")}` };
  } catch {
    // Not compressed, whatever its head says: the bytes are compared.
    return message;
  }
}

const decoders: Record<string, (bytes: Buffer) => Buffer> = {
  gzip: (bytes) => gunzipSync(bytes),
  br: (bytes) => brotliDecompressSync(bytes),
  zstd: (bytes) => zstdDecompressSync(bytes),
};
