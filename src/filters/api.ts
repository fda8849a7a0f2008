import type { HeaderBlock, RequestHead, ResponseHead } from "../http/header-block.ts";
import type { LocalReply } from "../observability/local-replies.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { PerFilter, Route } from "../router/route.ts";

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

/** Body bytes on their way through the filters. They are valid during the call; a filter may put others in their place. */
export interface BodyChunk {
  bytes: Buffer;
}

/** What of a request's body waits for a filter that stopped it. */
export interface HeldBody {
  /** Bytes that may wait; more are answered with 413. Envoy: setDecoderBufferLimit. */
  bufferLimit: number;
  /** In their order. Envoy: decodingBuffer. */
  readonly held: readonly Buffer[];
  /** Bytes of it. */
  readonly buffered: number;
}

/** What a filter sees of its stream. */
export interface FilterStream {
  readonly info: StreamInfo;
  readonly request: RequestHead;
  readonly isRequestComplete: boolean;
  /** null where none matches. */
  readonly route: Route | null;
  /** What all streams of a connection have in common: a key for what a filter keeps of a connection. */
  readonly connection: object;
  /** The state of the filter in `slot`; null until it sets one. Cleared at the end of the stream. */
  readonly scratch: unknown[];
  /** What the filter in `slot` linked of its per-route configs; null without any. */
  override(slot: number): unknown;
  /** Chooses the route anew, by the head as it is now. The chain's filters stay. Envoy: clearRouteCache. */
  refreshRoute(): void;
  continueRequest(slot: number): void;
  continueResponse(slot: number): void;
  /** Answers in the proxy's own name; `edit` adds fields to its head. */
  sendLocalReply(reply: LocalReply, edit?: (head: ResponseHead) => void): void;
  /** In onResponseHead: the proxy's own answer instead, past the filters that are left. Envoy: sendLocalReply while encoding. */
  replaceResponse(reply: LocalReply, edit: (head: ResponseHead) => void): void;
  /**
   * In onResponseHead, which then stops the walk: the complete request, its head changed, goes through the chain again as one of its own,
   * without its body. Envoy: recreateStream.
   */
  recreate(): void;
  /** Answers with a head of the filter's own making, through the response filters. Envoy: StreamDecoderFilterCallbacks::encodeHeaders. */
  answer(head: ResponseHead, details: string): void;
  /** Counted. What was read already goes on coming. */
  pauseRequest(): void;
  resumeRequest(): void;
  pauseResponse(): void;
  resumeResponse(): void;
  readonly requestWalk: BodyWalk;
  readonly responseWalk: BodyWalk;
}

/** A message's way through the filters, for one that makes the body or gives it on in its own time. */
interface BodyWalk extends HeldBody {
  /** In the trailers hook of the filter in `slot`: more body in front of the trailers. Envoy: addDecodedData, addEncodedData. */
  add(slot: number, bytes: Buffer): void;
  /** What the filter in `slot` has of the body goes on behind it, at any time; it answers its data hook with StopIterationNoBuffer. Envoy: inject*DataToFilterChain. */
  inject(slot: number, bytes: Buffer, endStream: boolean): void;
  /** The same for its end, with trailers where the message has none. Envoy: addDecodedTrailers, addEncodedTrailers. */
  end(slot: number, trailers: HeaderBlock): void;
}

/**
 * One object per config and worker, shared by all streams: per-stream state goes to `stream.scratch[slot]`.
 * A hook that is absent costs nothing: the chain keeps one dense list a hook.
 */
export interface Filter {
  onRequestHead?(stream: FilterStream, head: RequestHead, endStream: boolean): HeadersStatus;
  onRequestData?(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus;
  onRequestTrailers?(stream: FilterStream, trailers: HeaderBlock): DataStatus;
  onResponseHead?(stream: FilterStream, head: ResponseHead, endStream: boolean): HeadersStatus;
  onResponseData?(stream: FilterStream, chunk: BodyChunk, endStream: boolean): DataStatus;
  onResponseTrailers?(stream: FilterStream, trailers: HeaderBlock): DataStatus;
  /** The stream ended, however it ended. */
  onDestroy?(stream: FilterStream): void;
  /** At link, once a route that says something to any filter: what stream.override(slot) gives there. `name` is its own. */
  linkRoute?(perFilter: PerFilter, name: string): unknown;
  /** The same for a filter around another one, whose linkRoute is that one's: what `stream.route.filters.outer` has in its slot. */
  linkOuter?(perFilter: PerFilter, name: string): unknown;
}

/** What the terminal filter (the router) sees beyond FilterStream: it makes the response. */
export interface TerminalStream extends FilterStream {
  /** The response timeout in force, 0 for none; the router sets it before startRouteTimers. */
  timeoutMs: number;
  /** The limits of the chosen route run from now. */
  startRouteTimers(): void;
  /** The response's head goes through the filters and out. The head stays the codec's. */
  respond(head: ResponseHead, endStream: boolean): void;
  /** A 1xx head other than 101, sent on at once. */
  respondInformational(head: ResponseHead): void;
  /** False above the downstream watermark: the router pauses the upstream until onResponseWritable. */
  respondData(bytes: Buffer, endStream: boolean): boolean;
  respondTrailers(trailers: HeaderBlock): void;
  /** The response cannot be completed: the downstream sees it cut off. */
  abort(flags: number, details: string): void;
  readonly isResponseStarted: boolean;
  /** The route that a changed head leads to; `route` stays, the log tells of the new one. */
  routeAgain(head: RequestHead): Route | null;
  /** The complete request, its head changed, goes through the chain again as one of its own. */
  restart(body: Buffer, trailers: HeaderBlock | null): void;
}

/** The end of the chain: what the last filter hands the request to. One object a stream, reused. */
export interface Terminal {
  start(head: RequestHead, endStream: boolean): void;
  data(bytes: Buffer, endStream: boolean): void;
  trailers(trailers: HeaderBlock): void;
  onResponseWritable(): void;
  /** The response timeout passed: answer. */
  onTimeout(): void;
  /** The downstream is gone or answered otherwise: let the upstream go. */
  cancel(): void;
  reset(): void;
}
