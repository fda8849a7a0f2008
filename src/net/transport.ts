import type { EventEmitter } from "node:events";
import net from "node:net";
import { TLSSocket } from "node:tls";
import { endText } from "./address.ts";
import { eventClock } from "./event-clock.ts";
import { NativeSocket, type Reader, readBuffer } from "./native-socket.ts";
import { nativeStreams, type SocketHandle } from "./native-streams.ts";
import { TlsWrites, type WriteOwner, writeChunk, writeText } from "./socket-write.ts";
import type { TlsInfo } from "./tls/tls-info.ts";

/** What a transport tells its owner. */
export interface TransportSink {
  onConnect(): void;
  /** `bytes` is the thread's read buffer: valid during the call, `length` bytes of it. */
  onBytes(bytes: Buffer, length: number): void;
  /** The peer's FIN. */
  onEnd(): void;
  /** The end, once. `error` is "" after a clean close, else the system's code ("ECONNRESET"). */
  onClose(error: string): void;
  /** Below the watermark again. */
  onDrain(): void;
  /** The end of an event-loop turn in which scheduleFlush was called. */
  onFlush?(): void;
}

/**
 * Bytes to and from one socket. Text and small bodies are joined and go out at the end of the event-loop turn, those of all
 * sockets one after the other: a peer that the first write woke is still awake at the others (a fifth of the kernel's time).
 * `writeBytes` answers false above the watermark.
 */
export class Transport implements WriteOwner, Reader {
  #socket: net.Socket | NativeSocket;
  /** null for plain text. */
  #tlsWrites: TlsWrites | null = null;
  #sink: TransportSink;
  #text = "";
  #isDirty = false;
  #wantsFlush = false;
  #isEnding = false;
  #isClosed = false;
  #error = "";
  #aboveWatermark = false;
  #isPaused = false;
  /** What TLS had decrypted already when it was paused; null for nothing. */
  #held: Buffer | null = null;
  #isEndHeld = false;
  /** Bytes that wait for the kernel. */
  #waiting = 0;
  bytesRead = 0;
  bytesWritten = 0;
  readonly watermark: number;
  /** null for plain text, and before the handshake. */
  tls: TlsInfo | null = null;

  constructor(socket: net.Socket | NativeSocket, sink: TransportSink, watermark: number) {
    this.#socket = socket;
    this.#sink = sink;
    this.watermark = watermark;
    this.#listen(socket);
    if (isNative(socket)) socket.reader = this;
    if (socket instanceof TLSSocket || (isNative(socket) && socket.isTls))
      this.#tlsWrites = new TlsWrites(socket, this);
  }

  /** Goes on over a TLS socket that was made on the present one. */
  secureBy(socket: net.Socket): void {
    this.#socket = socket;
    this.#listen(socket);
    if (socket instanceof TLSSocket) this.#tlsWrites = new TlsWrites(socket, this);
    socket.on("data", (bytes: Buffer) => this.receive(bytes.length, bytes));
  }

  /** Goes on over the handle of the present socket. */
  moveTo(socket: NativeSocket): void {
    this.#socket = socket;
    this.#listen(socket);
    socket.reader = this;
    if (this.#isPaused) socket.pause();
  }

  /** Of a socket that another one was made on nothing more is heard. */
  #listen(socket: net.Socket | NativeSocket): void {
    const events: EventEmitter = socket;
    events.on("error", (error: NodeJS.ErrnoException) => {
      if (socket === this.#socket) this.#error = error.code ?? error.message;
    });
    events.on("end", () => {
      if (this.#isClosed || socket !== this.#socket) return;
      if (this.#held !== null) {
        this.#isEndHeld = true;
        return;
      }
      eventClock.tick();
      this.#sink.onEnd();
    });
    events.on("close", () => {
      if (socket === this.#socket) this.#onClose();
    });
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress === undefined ? "" : plainIp(this.#socket.remoteAddress);
  }
  get remotePort(): number {
    return this.#socket.remotePort ?? 0;
  }
  get localAddress(): string {
    return this.#socket.localAddress === undefined ? "" : plainIp(this.#socket.localAddress);
  }
  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }
  get localText(): string {
    return endText(this.localAddress, this.localPort);
  }
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The socket's read callback. */
  receive(length: number, bytes: Buffer): boolean {
    if (this.#isClosed) return false;
    if (this.#isPaused || this.#held !== null) {
      const more = bytes.subarray(0, length);
      this.#held = this.#held === null ? Buffer.from(more) : Buffer.concat([this.#held, more]);
      return true;
    }
    this.bytesRead += length;
    eventClock.tick();
    this.#sink.onBytes(bytes, length);
    return true;
  }

  /** Latin-1 text, sent at the end of the turn. */
  writeText(text: string): void {
    this.#text += text;
    if (!this.#isDirty) this.#markDirty();
  }

  /** Taken (sent or copied) before it returns; false above the watermark. */
  writeBytes(bytes: Buffer): boolean {
    if (bytes.length <= joinLimit) {
      this.#text += bytes.latin1Slice();
      if (!this.#isDirty) this.#markDirty();
      return !this.#aboveWatermark;
    }
    let offset = 0;
    while (offset < bytes.length) {
      const chunk = takeChunk();
      let at = 0;
      if (this.#text !== "") {
        if (this.#text.length > chunkSize / 2) this.flush();
        else {
          at = chunk.latin1Write(this.#text, 0);
          this.#text = "";
        }
      }
      const n = Math.min(bytes.length - offset, chunkSize - at);
      bytes.copy(chunk, at, offset, offset + n);
      offset += n;
      this.#send(chunk, at + n);
    }
    return !this.#aboveWatermark;
  }

  /** onFlush is called at the end of the turn. */
  scheduleFlush(): void {
    this.#wantsFlush = true;
    if (!this.#isDirty) this.#markDirty();
  }

  get isWritable(): boolean {
    return !this.#aboveWatermark && !this.#isClosed;
  }

  /** The first `length` bytes of a chunk of threadChunks, which is given back there. */
  writeChunk(chunk: Buffer, length: number): void {
    this.#send(chunk, length);
  }

  /** Another owner takes over. */
  handTo(sink: TransportSink): void {
    this.#sink = sink;
  }

  flush(): void {
    this.#isDirty = false;
    if (this.#wantsFlush) {
      this.#wantsFlush = false;
      if (!this.#isClosed) this.#sink.onFlush?.();
    }
    if (this.#text === "" || this.#isClosed) return;
    const text = this.#text;
    this.#text = "";
    this.bytesWritten += text.length;
    if (this.#tlsWrites !== null) {
      this.#wait(text.length);
      this.#tlsWrites.write(text, text.length, null);
    } else if (!writeText(this.#socket, text, this)) this.#wait(text.length);
    if (this.#isEnding) this.#endSocket();
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#held === null && !this.#isEndHeld) this.#socket.resume();
    else process.nextTick(() => this.#release());
  }

  /** What was held comes before what is read next. */
  #release(): void {
    if (this.#isPaused || this.#isClosed) return;
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.receive(held.length, held);
    if (this.#isPaused || this.#isClosed) return;
    if (!this.#isEndHeld) {
      this.#socket.resume();
      return;
    }
    this.#isEndHeld = false;
    this.#sink.onEnd();
  }

  /** Sends what is written, then FIN. */
  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    if (this.#text === "") this.#endSocket();
  }

  #endSocket(): void {
    if (this.#tlsWrites === null) this.#socket.end();
    else this.#tlsWrites.end();
  }

  /** Closes at once; what is not sent is lost. */
  destroy(): void {
    if (this.#isClosed) return;
    this.flush();
    this.#socket.destroy();
  }

  /** Closes with RST. */
  reset(): void {
    if (!this.#isClosed) this.#socket.resetAndDestroy();
  }

  #send(chunk: Buffer, length: number): void {
    if (this.#isClosed) {
      chunks.push(chunk);
      return;
    }
    this.bytesWritten += length;
    if (this.#tlsWrites !== null) {
      this.#wait(length);
      this.#tlsWrites.write(length === chunk.length ? chunk : chunk.subarray(0, length), length, chunk);
    } else if (writeChunk(this.#socket, chunk, length, this)) chunks.push(chunk);
    else this.#wait(length);
  }

  /** The kernel took what waited. */
  onWritten(length: number, chunk: Buffer | null): void {
    if (chunk !== null && chunks.length < maxPooledChunks) chunks.push(chunk);
    this.#waiting -= length;
    if (this.#waiting > 0 || !this.#aboveWatermark || this.#isClosed) return;
    this.#aboveWatermark = false;
    eventClock.tick();
    this.#sink.onDrain();
  }

  #wait(length: number): void {
    this.#waiting += length;
    if (this.#waiting > this.watermark) this.#aboveWatermark = true;
  }

  #onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    eventClock.tick();
    this.#sink.onClose(this.#error);
  }

  #markDirty(): void {
    this.#isDirty = true;
    dirty.push(this);
    if (!isFlushScheduled) {
      isFlushScheduled = true;
      setImmediate(flushDirty);
    }
  }
}

/** A socket's way to the thread's one read buffer: what net.Socket and TLSSocket call onread. */
export function readInto(reader: Reader): net.OnReadOpts {
  return { buffer: readBuffer, callback: (length, bytes) => reader.receive(length, bytes as Buffer) };
}

/** A connection as a socket, which begins to read. A Node that gives its streams away no more has one of its own, without TLS. */
export function socketOf(handle: SocketHandle): NativeSocket {
  if (nativeStreams !== null) return new NativeSocket(handle);
  const onread = readInto({ receive: (length, bytes) => socket.reader.receive(length, bytes) });
  const options = { handle, allowHalfOpen: true, onread } as unknown as net.SocketConstructorOpts;
  const reader: Reader = { receive: () => true };
  const socket = Object.assign(new net.Socket(options), { reader, isTls: false }) as unknown as NativeSocket;
  return socket;
}

function isNative(socket: net.Socket | NativeSocket): socket is NativeSocket {
  return "reader" in socket;
}

/** A transport on an accepted connection. */
export function acceptTransport(handle: SocketHandle, sink: TransportSink, watermark: number): Transport {
  return new Transport(socketOf(handle), sink, watermark);
}

/** "::ffff:1.2.3.4" as "1.2.3.4". */
export function plainIp(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

/** The thread's buffers for output, of whole frames and records. */
export const threadChunks = { take: (): Buffer => takeChunk() };

function takeChunk(): Buffer {
  return chunks.pop() ?? Buffer.allocUnsafeSlow(chunkSize);
}

function flushDirty(): void {
  isFlushScheduled = false;
  for (let i = 0; i < dirty.length; i++) (dirty[i] as Transport).flush();
  dirty.length = 0;
}

/** Bodies up to this size are joined to the head as text. */
const joinLimit = 4096;
const chunkSize = 65536 + 4096;
const maxPooledChunks = 64;
const chunks: Buffer[] = [];
const dirty: Transport[] = [];
let isFlushScheduled = false;
