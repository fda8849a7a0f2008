import type { ByteOutput, RequestSink, ResponseSink, ResponseWriter } from "../codec.ts";
import { type HeaderBlock, RequestHead, ResponseHead } from "../header-block.ts";
import { Http1ClientCodec } from "./client-codec.ts";
import type { Http1Options } from "./options.ts";
import type { ProtocolError } from "./protocol-error.ts";
import { Http1ServerCodec } from "./server-codec.ts";
import { ServerExchanges } from "./server-exchange.ts";

/** Latin-1 text of what a codec wrote. For tests. */
class RecordedOutput implements ByteOutput {
  text = "";
  isWritable = true;

  writeText(text: string): void {
    this.text += text;
  }

  writeBytes(bytes: Buffer): boolean {
    this.text += bytes.latin1Slice();
    return this.isWritable;
  }
}

/** When the recording server answers: as soon as the head is there, when the request is whole, or not by itself. */
export type AnswerAt = "head" | "end" | "never";

/** A server codec whose events are lines of text; pieces of a body are joined. For tests. */
export class ServerRecorder {
  readonly events: string[] = [];
  readonly output = new RecordedOutput();
  readonly codec: Http1ServerCodec;
  readonly answerAt: AnswerAt;
  errors: ProtocolError[] = [];
  writer: ResponseWriter | null = null;
  requests = 0;
  pausedTimes = 0;
  isPaused = false;

  constructor(options: Http1Options, answerAt: AnswerAt) {
    this.answerAt = answerAt;
    const callbacks = {
      newStream: (writer: ResponseWriter): RequestSink => {
        this.writer = writer;
        return this.#sink(writer);
      },
      onProtocolError: (error: ProtocolError): void => {
        this.errors.push(error);
        this.events.push(`error ${error.status} ${error.details}`);
      },
      pauseInput: (): void => {
        if (this.isPaused) throw new Error("paused twice");
        this.isPaused = true;
        this.pausedTimes++;
      },
      resumeInput: (): void => {
        if (!this.isPaused) throw new Error("resumed twice");
        this.isPaused = false;
      },
      closeNow: (): void => {
        this.events.push("close now");
      },
    };
    this.codec = new Http1ServerCodec(this.output, callbacks, new ServerExchanges(options));
  }

  #sink(writer: ResponseWriter): RequestSink {
    const finish = (): void => {
      this.requests++;
      if (this.answerAt === "end") this.answer(writer);
    };
    return {
      onHead: (head, endStream) => {
        this.events.push(`${requestText(head)}${endStream ? " end" : ""}`);
        if (this.answerAt === "head") this.answer(writer);
        if (endStream) finish();
      },
      onData: (bytes, endStream) => {
        recordData(this.events, bytes, endStream);
        if (endStream) finish();
      },
      onTrailers: (trailers) => {
        this.events.push(`trailers ${fieldsText(trailers)}`);
        finish();
      },
      onReset: (reason, detail) => this.events.push(`reset ${reason} ${detail}`),
      onWritable: () => this.events.push("writable"),
    };
  }

  answer(writer: ResponseWriter): void {
    const head = new ResponseHead();
    head.status = 200;
    head.append("content-length", "2");
    writer.writeHead(head, false);
    writer.writeData(Buffer.from("ok"), true);
    this.codec.rest();
  }
}

/** A client codec with one request written; events as lines of text. For tests. */
export class ClientRecorder {
  readonly events: string[] = [];
  readonly output = new RecordedOutput();
  readonly codec: Http1ClientCodec;

  constructor(options: Http1Options) {
    const callbacks = {
      pauseInput: (): void => {},
      resumeInput: (): void => {},
      closeNow: (): void => {},
    };
    this.codec = new Http1ClientCodec(this.output, callbacks, options);
  }

  request(method: string, fields: readonly (readonly [string, string])[] = []): void {
    const head = new RequestHead();
    head.method = method;
    head.path = "/";
    head.authority = "example.test";
    for (const [name, value] of fields) head.append(name, value);
    const isOpen = method === "CONNECT" || head.find("upgrade") !== null;
    this.codec.newStream(this.sink()).writeHead(head, !isOpen);
  }

  sink(): ResponseSink {
    return {
      onHead: (head, endStream) => {
        this.events.push(`${head.status} ${fieldsText(head)}${endStream ? " end" : ""}`);
      },
      onData: (bytes, endStream) => recordData(this.events, bytes, endStream),
      onTrailers: (trailers) => this.events.push(`trailers ${fieldsText(trailers)}`),
      onReset: (reason, detail) => this.events.push(`reset ${reason} ${detail}`),
      onWritable: () => this.events.push("writable"),
    };
  }
}

/** Feeds text whole, or byte by byte, or in two parts cut at `cut`. */
export function feedText(codec: { feed(bytes: Buffer, length: number): void }, text: string, cut: number): void {
  const parts = cut < 0 ? [...text] : [text.slice(0, cut), text.slice(cut)];
  for (const part of parts) {
    // As in a thread's read buffer: what stands behind the length is left from another read.
    const bytes = Buffer.from(`${part}\r\n\r\nGET /stale HTTP/1.1\r\n\r\n`, "latin1");
    codec.feed(bytes, part.length);
    bytes.fill(0x58);
  }
}

function fieldsText(block: HeaderBlock): string {
  const parts: string[] = [];
  for (let i = 0; i < block.size; i++) if (block.names[i] !== "") parts.push(`${block.names[i]}=${block.values[i]}`);
  return `[${parts.join(" | ")}]`;
}

function requestText(head: RequestHead): string {
  const scheme = head.scheme === "" ? "" : `${head.scheme}://`;
  return `${head.method} ${scheme}${head.authority} ${head.path} ${fieldsText(head)}`;
}

function recordData(events: string[], bytes: Buffer, endStream: boolean): void {
  const last = events.length - 1;
  if (bytes.length > 0) {
    if (last >= 0 && events[last]?.startsWith("data ")) events[last] += bytes.latin1Slice();
    else events.push(`data ${bytes.latin1Slice()}`);
  }
  if (endStream) events.push("end");
}
