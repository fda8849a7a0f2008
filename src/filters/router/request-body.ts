import type { RequestWriter } from "../../http/codec.ts";
import type { HeaderBlock } from "../../http/header-block.ts";

/** What came of a request's body and was not sent yet, or is kept to be sent again. */
export class RequestBody {
  #chunks: Buffer[] = [];
  /** Of the chunks. */
  bytes = 0;
  /** Of the whole message; after it nothing comes. */
  isComplete = false;
  trailers: HeaderBlock | null = null;

  /** A copy: the bytes are the codec's. */
  add(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(Buffer.from(chunk));
    this.bytes += chunk.length;
  }

  /** Sends all there is behind the head. False above the writer's watermark. */
  writeTo(writer: RequestWriter): boolean {
    const { trailers } = this;
    const isLast = this.isComplete && trailers === null;
    const isWritable = (this.bytes === 0 && !isLast) || writer.writeData(this.#joined(), isLast);
    if (trailers !== null) writer.writeTrailers(trailers);
    return isWritable;
  }

  /** All bytes, which stay valid. */
  all(): Buffer {
    return this.#joined();
  }

  /** The chunks are not needed any more. */
  drop(): void {
    if (this.#chunks.length > 0) this.#chunks = [];
    this.bytes = 0;
  }

  reset(): void {
    this.drop();
    this.isComplete = false;
    this.trailers = null;
  }

  #joined(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? empty;
  }
}

const empty = Buffer.alloc(0);
