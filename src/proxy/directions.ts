import type { BodyChunk, DataStatus, HeadersStatus, Terminal } from "../filters/api.ts";
import type { HeaderBlock, RequestHead, ResponseHead } from "../http/header-block.ts";
import { localReplies } from "../observability/local-replies.ts";
import type { ChainEntry } from "./filter-chain.ts";
import type { Direction } from "./iteration.ts";
import type { Stream } from "./stream.ts";

/** The request's way: filters first to last, then the terminal. */
export class RequestDirection implements Direction<RequestHead, HeaderBlock> {
  readonly #stream: Stream;
  readonly #terminal: Terminal;
  constructor(stream: Stream, terminal: Terminal) {
    this.#stream = stream;
    this.#terminal = terminal;
  }
  get isLive(): boolean {
    return this.#stream.isLive;
  }
  callHead(entry: ChainEntry, head: RequestHead, endStream: boolean): HeadersStatus {
    return (entry.filter.onRequestHead as NonNullable<typeof entry.filter.onRequestHead>)(
      this.#stream,
      head,
      endStream,
    );
  }
  callData(entry: ChainEntry, chunk: BodyChunk, endStream: boolean): DataStatus {
    return (entry.filter.onRequestData as NonNullable<typeof entry.filter.onRequestData>)(
      this.#stream,
      chunk,
      endStream,
    );
  }
  callTrailers(entry: ChainEntry, trailers: HeaderBlock): DataStatus {
    return (entry.filter.onRequestTrailers as NonNullable<typeof entry.filter.onRequestTrailers>)(
      this.#stream,
      trailers,
    );
  }
  deliverHead(head: RequestHead, endStream: boolean): void {
    this.#terminal.start(head, endStream);
  }
  deliverData(bytes: Buffer, endStream: boolean): void {
    this.#terminal.data(bytes, endStream);
  }
  deliverTrailers(trailers: HeaderBlock): void {
    this.#terminal.trailers(trailers);
  }
  onBufferFull(isWatermark: boolean): void {
    const stream = this.#stream;
    if (isWatermark) {
      stream.pauseRequest();
      return;
    }
    stream.hcm.stats.count("downstream_rq_too_large");
    stream.sendLocalReply(localReplies.requestPayloadTooLarge);
  }
  onBufferDrained(): void {
    this.#stream.resumeRequest();
  }
}

/** The response's way: filters last to first, then the codec. */
export class ResponseDirection implements Direction<ResponseHead, HeaderBlock> {
  readonly #stream: Stream;
  constructor(stream: Stream) {
    this.#stream = stream;
  }
  get isLive(): boolean {
    return this.#stream.isActive;
  }
  callHead(entry: ChainEntry, head: ResponseHead, endStream: boolean): HeadersStatus {
    return (entry.filter.onResponseHead as NonNullable<typeof entry.filter.onResponseHead>)(
      this.#stream,
      head,
      endStream,
    );
  }
  callData(entry: ChainEntry, chunk: BodyChunk, endStream: boolean): DataStatus {
    return (entry.filter.onResponseData as NonNullable<typeof entry.filter.onResponseData>)(
      this.#stream,
      chunk,
      endStream,
    );
  }
  callTrailers(entry: ChainEntry, trailers: HeaderBlock): DataStatus {
    return (entry.filter.onResponseTrailers as NonNullable<typeof entry.filter.onResponseTrailers>)(
      this.#stream,
      trailers,
    );
  }
  deliverHead(head: ResponseHead, endStream: boolean): void {
    this.#stream.sendHead(head, endStream);
  }
  deliverData(bytes: Buffer, endStream: boolean): void {
    this.#stream.sendData(bytes, endStream);
  }
  deliverTrailers(trailers: HeaderBlock): void {
    this.#stream.sendTrailers(trailers);
  }
  onBufferFull(): void {
    this.#stream.onResponseBufferFull();
  }
  onBufferDrained(): void {}
}
