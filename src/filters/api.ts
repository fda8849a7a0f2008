import type { HeaderBlock, RequestHead, ResponseHead } from "../http/header-block.ts";
import type { StreamInfo } from "../observability/stream-info.ts";

/** What a filter's head hook answers. Envoy's FilterHeadersStatus. */
export const HeadersStatus = {
  Continue: 0,
  /** Later hooks (data, trailers) of this filter still run; the following filters wait. */
  StopIteration: 1,
  /** Nothing further runs and the body is buffered until continueRequest/continueResponse. */
  StopAllIterationAndBuffer: 2,
  /** The same, but reading pauses at the watermark instead of failing with 413. */
  StopAllIterationAndWatermark: 3,
} as const;
export type HeadersStatus = (typeof HeadersStatus)[keyof typeof HeadersStatus];

/** What a data or trailers hook answers. Envoy's FilterDataStatus; trailers use Continue and StopIteration. */
export const DataStatus = {
  Continue: 0,
  StopIterationAndBuffer: 1,
  StopIterationAndWatermark: 2,
  StopIterationNoBuffer: 3,
} as const;
export type DataStatus = (typeof DataStatus)[keyof typeof DataStatus];

/** What a filter sees of its stream. */
export interface FilterStream {
  readonly info: StreamInfo;
  readonly request: RequestHead;
  /** The state of the filter in `slot`; null until it sets one. Cleared at the end of the stream. */
  readonly scratch: unknown[];
  /** The per-route override of the filter in `slot`, already linked; null without one. */
  override(slot: number): unknown;
  continueRequest(slot: number): void;
  continueResponse(slot: number): void;
  /** Answers in the proxy's own name. `flags` are bits of ResponseFlag, `details` is RESPONSE_CODE_DETAILS. */
  sendLocalReply(status: number, body: string, flags: number, details: string, edit?: (head: ResponseHead) => void): void;
}

/**
 * One object per config and worker, shared by all streams: per-stream state goes to `stream.scratch[slot]`.
 * A hook that is absent costs nothing: the chain keeps one dense list a hook.
 */
export interface Filter {
  onRequestHead?(stream: FilterStream, head: RequestHead, endStream: boolean): HeadersStatus;
  onRequestData?(stream: FilterStream, bytes: Buffer, endStream: boolean): DataStatus;
  onRequestTrailers?(stream: FilterStream, trailers: HeaderBlock): DataStatus;
  onResponseHead?(stream: FilterStream, head: ResponseHead, endStream: boolean): HeadersStatus;
  onResponseData?(stream: FilterStream, bytes: Buffer, endStream: boolean): DataStatus;
  onResponseTrailers?(stream: FilterStream, trailers: HeaderBlock): DataStatus;
  /** The stream ended, however it ended. */
  onDestroy?(stream: FilterStream): void;
}
