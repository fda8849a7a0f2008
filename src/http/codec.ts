import type { HeaderBlock, RequestHead, ResponseHead } from "./header-block.ts";

/** Why a stream ended before its message was complete. Names follow Envoy's StreamResetReason. */
export const StreamReset = {
  connectionTermination: "connection_termination",
  remoteReset: "remote_reset",
  remoteRefusedStream: "remote_refused_stream_reset",
  localReset: "local_reset",
  protocolError: "protocol_error",
  connectionFailure: "remote_connection_failure",
  connectionTimeout: "connection_timeout",
  overflow: "overflow",
} as const;
export type StreamReset = (typeof StreamReset)[keyof typeof StreamReset];

/** What a codec tells of one message. Buffers are valid during the call only: copy what must stay. */
interface MessageSink<Head> {
  /** The head, owned by the codec until the message ends; the receiver may edit it. */
  onHead(head: Head, endStream: boolean): void;
  onData(bytes: Buffer, endStream: boolean): void;
  onTrailers(trailers: HeaderBlock): void;
  onReset(reason: StreamReset, detail: string): void;
  /** The writer of the other direction is below its watermark again. */
  onWritable(): void;
}

/** What a codec lets one write of one message. HTTP/1.1 and HTTP/2, downstream and upstream alike. */
interface MessageWriter<Head> {
  writeHead(head: Head, endStream: boolean): void;
  /** False above the watermark: stop until onWritable. The bytes are taken (written or copied) before it returns. */
  writeData(bytes: Buffer, endStream: boolean): boolean;
  writeTrailers(trailers: HeaderBlock): void;
  reset(reason: StreamReset): void;
  /** Counted: as many resumes as pauses. */
  pauseReading(): void;
  resumeReading(): void;
}

/** A server-side stream: the request comes to `sink`, the answer goes by `writer`. */
export type RequestSink = MessageSink<RequestHead>;
export type ResponseWriter = MessageWriter<ResponseHead> & { write100Continue(): void };
export type ResponseSink = MessageSink<ResponseHead>;
export type RequestWriter = MessageWriter<RequestHead>;

/** Where a codec's bytes go: a transport, or an array in a test. */
export interface ByteOutput {
  /** Latin-1 text: heads, small bodies. Buffered until flush or the end of the event-loop turn. */
  writeText(text: string): void;
  /** Raw bytes; taken before it returns. False above the watermark. */
  writeBytes(bytes: Buffer): boolean;
}
