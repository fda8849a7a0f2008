import type { RequestSink, ResponseSink } from "../codec.ts";
import { type HeaderBlock, RequestHead, ResponseHead } from "../header-block.ts";
import { Http2ClientCodec, type Http2ClientStream } from "./client-codec.ts";
import type { Http2Callbacks } from "./connection-core.ts";
import {
  clientPreface,
  FrameFlag,
  FrameType,
  readUint31,
  readUint32,
  writeFrameHeader,
  writeUint32,
} from "./frames.ts";
import { TestShared } from "./h2-sockets.ts";
import { writeInteger } from "./hpack-encoder.ts";
import { Http2ServerCodec, type Http2ServerStream } from "./server-codec.ts";
import type { Http2Options } from "./settings.ts";

/** A codec without a socket whose events are lines of text; pieces of a body are joined. For tests. */
class Recorder implements Http2Callbacks {
  readonly shared: TestShared;
  readonly events: string[] = [];
  /** What the codec wrote, frame by frame: "type flags stream payload", settings and window updates left out of `frames`. */
  readonly written: Frame[] = [];
  /** False: the peer does not read, and nothing is taken. */
  isReading = true;
  #isFlushing = false;

  constructor(options: Partial<Http2Options>) {
    this.shared = new TestShared(options);
  }

  get codec(): Http2ServerCodec | Http2ClientCodec | null {
    return null;
  }

  onOutput(): void {}

  flush(): void {
    const codec = this.codec;
    if (codec === null || !this.isReading || this.#isFlushing) return;
    this.#isFlushing = true;
    while (codec.outputBytes > 0) {
      const chunks: Buffer[] = [];
      for (let piece = codec.takeOutput(); piece !== null; piece = codec.takeOutput()) {
        chunks.push(Buffer.from(piece.chunk.subarray(0, piece.length)));
        this.shared.chunks.give(piece.chunk);
      }
      let bytes = Buffer.concat(chunks);
      if (bytes.subarray(0, clientPreface.length).equals(clientPreface)) bytes = bytes.subarray(clientPreface.length);
      this.written.push(...parseFrames(bytes));
      codec.onDrain();
    }
    this.#isFlushing = false;
  }

  pauseInput(): void {
    this.events.push("pause");
  }

  resumeInput(): void {
    this.events.push("resume");
  }

  onConnectionError(code: number, detail: string): void {
    this.events.push(`connection error ${code} ${detail}`);
  }

  onGoAway(code: number, lastStreamId: number): void {
    this.events.push(`goaway ${code} ${lastStreamId}`);
  }

  onPingAck(): void {
    this.events.push("ping ack");
  }

  onSettings(): void {}

  onStreamClosed(): void {}

  /** What the codec wrote to end things: "GOAWAY code", "RST id code". */
  get endings(): string[] {
    const endings: string[] = [];
    for (const frame of this.written) {
      if (frame.type === FrameType.goAway) endings.push(`GOAWAY ${readUint32(frame.payload, 4)}`);
      if (frame.type === FrameType.rstStream) endings.push(`RST ${frame.streamId} ${readUint32(frame.payload, 0)}`);
    }
    return endings;
  }

  /** Feeds bytes whole (cut < 0), one by one (cut 0), or in two parts, from a buffer that is overwritten afterwards. */
  feed(bytes: Buffer, cut = -1): void {
    const codec = this.codec;
    if (codec === null) return;
    const ends = cut < 0 ? [bytes.length] : cut === 0 ? [...bytes.keys()].map((i) => i + 1) : [cut, bytes.length];
    let from = 0;
    for (const to of ends) {
      const lent = Buffer.concat([bytes.subarray(from, to), stale]);
      codec.feed(lent, to - from);
      lent.fill(0x58);
      from = to;
      this.flush();
    }
  }

  data(name: string, bytes: Buffer, endStream: boolean): void {
    const last = this.events.length - 1;
    const text = `${name} data `;
    if (bytes.length > 0) {
      if (this.events[last]?.startsWith(text)) this.events[last] += bytes.latin1Slice();
      else this.events.push(text + bytes.latin1Slice());
    }
    if (endStream) this.events.push(`${name} end`);
  }
}

/** A server codec that answers 200 "ok" to each whole request, unless the path is "/silent". For tests. */
export class ServerRecorder extends Recorder {
  readonly #codec: Http2ServerCodec;
  readonly writers: Http2ServerStream[] = [];
  /** Sinks pause at once. */
  pauses = false;

  constructor(options: Partial<Http2Options> = {}) {
    super(options);
    this.#codec = new Http2ServerCodec(this.shared, this, 65536);
  }

  override get codec(): Http2ServerCodec {
    return this.#codec;
  }

  newStream(writer: Http2ServerStream): RequestSink {
    const name = String(writer.id);
    let isSilent = false;
    this.writers.push(writer);
    if (this.pauses) writer.pauseReading();
    const finish = (): void => {
      if (!isSilent) this.answer(writer);
    };
    return {
      onHead: (head, endStream) => {
        isSilent = head.path === "/silent";
        const target = `${head.scheme}://${head.authority}${head.path}`;
        this.events.push(`${name} ${head.method} ${target} ${fieldsText(head)}${endStream ? " end" : ""}`);
        if (endStream) finish();
      },
      onData: (bytes, endStream) => {
        this.data(name, bytes, endStream);
        if (endStream) finish();
      },
      onTrailers: (trailers) => {
        this.events.push(`${name} trailers ${fieldsText(trailers)}`);
        finish();
      },
      onReset: (reason, detail) => this.events.push(`${name} reset ${reason} ${detail}`),
      onWritable: () => this.events.push(`${name} writable`),
    };
  }

  answer(writer: Http2ServerStream): void {
    const head = new ResponseHead();
    head.status = 200;
    head.append("content-length", "2");
    writer.writeHead(head, false);
    writer.writeData(Buffer.from("ok"), true);
  }
}

/** A client codec; send() begins a request on stream 1, 3 and so on. For tests. */
export class ClientRecorder extends Recorder {
  readonly #codec: Http2ClientCodec;

  constructor(options: Partial<Http2Options> = {}) {
    super(options);
    this.#codec = new Http2ClientCodec(this.shared, this, 65536);
    this.#codec.open();
  }

  override get codec(): Http2ClientCodec {
    return this.#codec;
  }

  send(method = "GET"): Http2ClientStream {
    const writer: Http2ClientStream = this.#codec.newStream(this.#sink(() => String(writer.id)));
    const head = new RequestHead();
    head.method = method;
    head.path = "/";
    head.authority = "example.test";
    writer.writeHead(head, true);
    return writer;
  }

  #sink(name: () => string): ResponseSink {
    return {
      onHead: (head, endStream) => {
        this.events.push(`${name()} ${head.status} ${fieldsText(head)}${endStream ? " end" : ""}`);
      },
      onData: (bytes, endStream) => this.data(name(), bytes, endStream),
      onTrailers: (trailers) => this.events.push(`${name()} trailers ${fieldsText(trailers)}`),
      onReset: (reason, detail) => this.events.push(`${name()} reset ${reason} ${detail}`),
      onWritable: () => this.events.push(`${name()} writable`),
    };
  }
}

export interface Frame {
  type: number;
  flags: number;
  streamId: number;
  payload: Buffer;
}

function parseFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    const streamId = readUint31(bytes, at + 5);
    frames.push({
      type: bytes[at + 3] as number,
      flags: bytes[at + 4] as number,
      streamId,
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
}

/** A frame with any payload: bytes, hex or a number of bytes. */
export function frame(type: number, flags: number, streamId: number, payload: Buffer | string | number = ""): Buffer {
  const bytes =
    typeof payload === "number"
      ? Buffer.alloc(payload, 97)
      : typeof payload === "string"
        ? Buffer.from(payload.replaceAll(" ", ""), "hex")
        : payload;
  const result = Buffer.alloc(9 + bytes.length);
  writeFrameHeader(result, 0, bytes.length, type, flags, streamId);
  bytes.copy(result, 9);
  return result;
}

/** A payload of one number of 32 bits. */
export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  writeUint32(bytes, 0, value);
  return bytes;
}

/** A SETTINGS frame. */
export function settings(...entries: [number, number][]): Buffer {
  const payload = Buffer.alloc(entries.length * 6);
  for (const [i, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(id, i * 6);
    writeUint32(payload, i * 6 + 2, value);
  }
  return frame(FrameType.settings, 0, 0, payload);
}

/** Fields as literals that are not indexed: what any client may send, right or wrong. */
export function literals(fields: readonly (readonly [string, string])[]): Buffer {
  const bytes = Buffer.alloc(fields.reduce((sum, [name, value]) => sum + name.length + value.length + 16, 0));
  let at = 0;
  for (const [name, value] of fields) {
    bytes[at++] = 0;
    for (const text of [name, value]) {
      at = writeInteger(bytes, at, 0, 0x7f, text.length);
      at += bytes.latin1Write(text, at);
    }
  }
  return bytes.subarray(0, at);
}

/** The fields of a plain GET, with others behind them. */
export function get(path: string, ...more: [string, string][]): [string, string][] {
  return [[":method", "GET"], [":scheme", "http"], [":path", path], [":authority", "a.test"], ...more];
}

/** A HEADERS frame with END_HEADERS, and END_STREAM unless told otherwise. */
export function headers(streamId: number, fields: readonly (readonly [string, string])[], endStream = true): Buffer {
  const flags = FrameFlag.endHeaders | (endStream ? FrameFlag.endStream : 0);
  return frame(FrameType.headers, flags, streamId, literals(fields));
}

/** A client's preface and its SETTINGS. */
export const hello = Buffer.concat([clientPreface, settings()]);

function fieldsText(block: HeaderBlock): string {
  const parts: string[] = [];
  for (let i = 0; i < block.size; i++) if (block.names[i] !== "") parts.push(`${block.names[i]}=${block.values[i]}`);
  return `[${parts.join(" | ")}]`;
}

const stale = Buffer.from("\0\0\x08\x06\0\0\0\0\0stale!!!", "latin1");
