import net from "node:net";
import type { RequestSink } from "../codec.ts";
import { Http2ClientCodec } from "./client-codec.ts";
import type { Http2Callbacks, Http2Shared } from "./connection-core.ts";
import { Http2Counters } from "./counters.ts";
import { HeadPool } from "./message-head.ts";
import { Chunks } from "./output.ts";
import { Http2ServerCodec, type Http2ServerStream } from "./server-codec.ts";
import { defaultHttp2Options, type Http2Options } from "./settings.ts";

/** What the connections of a test share; the clock is settable. */
export class TestShared implements Http2Shared {
  readonly options: Http2Options;
  readonly counters = new Http2Counters();
  readonly heads = new HeadPool();
  readonly chunks = new Chunks();
  nowMs = 1000;
  readonly now = (): number => this.nowMs;

  constructor(options: Partial<Http2Options> = {}) {
    this.options = { ...defaultHttp2Options, ...options };
  }
}

/** The same turn-wise wiring to a socket that the proxy has, without its pools. For tests. */
class CodecSocket implements Http2Callbacks {
  readonly socket: net.Socket;
  readonly events: string[] = [];
  readonly #shared: TestShared;
  #isScheduled = false;

  constructor(shared: TestShared, socket: net.Socket) {
    this.#shared = shared;
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => this.codec?.feed(bytes, bytes.length));
    socket.on("error", () => {});
    socket.on("close", () => this.codec?.onTransportEnd());
    socket.on("drain", () => this.flush());
  }

  get codec(): Http2ServerCodec | Http2ClientCodec | null {
    return null;
  }

  onOutput(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    const codec = this.codec;
    while (codec !== null && !this.socket.writableNeedDrain) {
      const piece = codec.takeOutput();
      if (piece === null) break;
      this.socket.write(piece.chunk.subarray(0, piece.length), () => this.#shared.chunks.give(piece.chunk));
    }
    if (!this.socket.writableNeedDrain) codec?.onDrain();
  }

  pauseInput(): void {
    this.socket.pause();
  }

  resumeInput(): void {
    this.socket.resume();
  }

  onConnectionError(code: number, detail: string): void {
    this.events.push(`connection error ${code} ${detail}`);
    this.flush();
    this.socket.end();
  }

  onGoAway(code: number, lastStreamId: number): void {
    this.events.push(`goaway ${code} ${lastStreamId}`);
  }

  onPingAck(): void {
    this.events.push("ping ack");
  }

  onSettings(): void {
    this.events.push("settings");
  }

  onStreamClosed(): void {}
}

/** A server's connection. For tests. */
export class ServerSocket extends CodecSocket {
  readonly #codec: Http2ServerCodec;
  readonly #newStream: (writer: Http2ServerStream) => RequestSink;

  constructor(shared: TestShared, socket: net.Socket, newStream: (writer: Http2ServerStream) => RequestSink) {
    super(shared, socket);
    this.#newStream = newStream;
    this.#codec = new Http2ServerCodec(shared, this, watermark);
  }

  override get codec(): Http2ServerCodec {
    return this.#codec;
  }

  newStream(writer: Http2ServerStream): RequestSink {
    return this.#newStream(writer);
  }
}

/** A client's connection. For tests. */
export class ClientSocket extends CodecSocket {
  readonly #codec: Http2ClientCodec;

  constructor(shared: TestShared, port: number) {
    super(shared, net.connect(port, "127.0.0.1"));
    this.#codec = new Http2ClientCodec(shared, this, watermark);
    this.#codec.open();
  }

  override get codec(): Http2ClientCodec {
    return this.#codec;
  }
}

/** Listens on a free port of the loopback; `onStream` answers. */
export async function listenH2(
  shared: TestShared,
  onStream: (writer: Http2ServerStream, connection: ServerSocket) => RequestSink,
): Promise<{ port: number; connections: ServerSocket[]; close(): void }> {
  const connections: ServerSocket[] = [];
  const server = net.createServer((socket) => {
    const connection: ServerSocket = new ServerSocket(shared, socket, (writer) => onStream(writer, connection));
    connections.push(connection);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    for (const connection of connections) connection.socket.destroy();
    server.close();
  };
  return { port: (server.address() as net.AddressInfo).port, connections, close };
}

const watermark = 65536;
