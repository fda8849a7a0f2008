/** Cuts what a gRPC stream carries into messages. A large one costs its size once, in however many pieces it comes. */
export class GrpcMessages {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  /** Bytes in the pieces. */
  #size = 0;
  /** As many are needed before anything more can be said. */
  #needed = prefixLength;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Copies the bytes: they are valid during the call. */
  push(bytes: Buffer): void {
    this.#pieces.push(Buffer.from(bytes));
    this.#size += bytes.length;
  }

  /** The next message, whole; null where more must come; a string says why there can be none. */
  next(): Buffer | string | null {
    while (this.#size >= this.#needed) {
      const bytes = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces, this.#size);
      this.#pieces = [bytes];
      const length = bytes.readUInt32BE(1);
      if (bytes[0] !== 0) return "a compressed message";
      if (length > this.#maxBytes) return `a message of ${length} bytes`;
      const end = prefixLength + length;
      if (this.#size < end) {
        this.#needed = end;
        continue;
      }
      this.#pieces = end === this.#size ? [] : [bytes.subarray(end)];
      this.#size -= end;
      this.#needed = prefixLength;
      return bytes.subarray(prefixLength, end);
    }
    return null;
  }
}

/** A message with the prefix in front. */
export function frameGrpc(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixLength + message.length);
  framed.writeUInt8(0, 0);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixLength);
  return framed;
}

/** A flag of compression and the length. */
const prefixLength = 5;
