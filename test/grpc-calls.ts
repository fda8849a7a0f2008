import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";

/** How calls to a test's service went. */
export interface Calls {
  begun: number;
  /** Begun and not ended. */
  open: number;
  /** Given up by the client. */
  cancelled: number;
}

/** Counts the calls of a gRPC service, and gives each to `answer` when its message is whole. `path`: that of the method, and fields that begin with "x-meta". */
export function onCalls(
  server: Http2Server,
  calls: Calls,
  answer: (stream: ServerHttp2Stream, message: Buffer, path: string) => void,
): void {
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    calls.begun++;
    calls.open++;
    stream.on("error", () => {});
    stream.on("aborted", () => calls.cancelled++);
    stream.on("close", () => calls.open--);
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    // The frame's head is five bytes.
    stream.on("end", () =>
      answer(stream, Buffer.concat(parts).subarray(5), `${headers[":path"]}${metadataOf(headers)}`),
    );
  });
}

function metadataOf(headers: IncomingHttpHeaders): string {
  const fields = Object.entries(headers).filter(([name]) => name.startsWith("x-meta"));
  return fields.length === 0 ? "" : ` ${JSON.stringify(fields.sort())}`;
}
