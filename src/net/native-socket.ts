import { EventEmitter } from "node:events";
import {
  type DuplexStream,
  nativeStreams,
  type ShutdownRequest,
  type SocketHandle,
  type SocketName,
  type StreamBinding,
  systemError,
} from "./native-streams.ts";

/** Where a socket's bytes go. */
export interface Reader {
  /** As TransportSink.onBytes; false stops the reading. */
  receive(length: number, bytes: Buffer): boolean;
}

interface Events {
  /** The peer's FIN, or its close_notify. */
  end: [];
  /** In front of close. */
  error: [NodeJS.ErrnoException];
  close: [];
  /** TLS: the handshake is done. */
  secure: [];
  /** TLS: a line of NSS's key log. */
  keylog: [Buffer];
}

/**
 * An open connection: what Node's net.Socket does with half-open connections, without its streams, which cost a quarter of
 * `npm run bench -- --cases new-connections`. It reads from the start, into the thread's one buffer.
 *
 *     open ─▶ FIN read and FIN written, an error, or destroy() ─▶ handle closed: "close"
 */
export class NativeSocket extends EventEmitter<Events> {
  /** Who reads; until it is set, what comes is thrown away. */
  reader: Reader = nobody;
  /** TLS was put over it. */
  isTls = false;
  /** What is read and written, named as net.Socket's; null once it is destroyed. */
  _handle: DuplexStream | null;
  readonly #handle: SocketHandle;
  #isReading = false;
  #isReadEnded = false;
  #isWriteEnding = false;
  #isWriteEnded = false;
  #onEnded: (() => void) | null = null;
  /** As they were when first asked for: a closed handle does not know them. */
  #remote: SocketName | null = null;
  #local: SocketName | null = null;

  constructor(handle: SocketHandle) {
    super();
    this.#handle = handle;
    this._handle = handle;
    this.#listen(handle);
    this.resume();
  }

  /** Goes on over a stream that was made on the present one, which takes over its reading. */
  coverBy(wrap: (handle: SocketHandle) => DuplexStream): void {
    this.isTls = true;
    this._handle = wrap(this.#handle);
    this.#listen(this._handle);
  }

  /** The streams know the socket: it lives as long as the handle is open. */
  #listen(stream: DuplexStream): void {
    (stream as Owned).socket = this;
    stream.onread = onRead;
    stream.useUserBuffer(readBuffer);
  }

  get remoteAddress(): string | undefined {
    return this.#remoteEnd().address;
  }
  get remotePort(): number | undefined {
    return this.#remoteEnd().port;
  }
  get localAddress(): string | undefined {
    return this.#localEnd().address;
  }
  get localPort(): number | undefined {
    return this.#localEnd().port;
  }

  #remoteEnd(): SocketName {
    return (this.#remote ??= this.#nameBy("getpeername"));
  }

  #localEnd(): SocketName {
    return (this.#local ??= this.#nameBy("getsockname"));
  }

  #nameBy(ask: "getpeername" | "getsockname"): SocketName {
    const name = {};
    if (this._handle !== null) this.#handle[ask]?.(name);
    return name;
  }

  resume(): void {
    if (this.#isReading || this._handle === null || this.#isReadEnded) return;
    this.#isReading = true;
    const error = this._handle.readStart();
    if (error !== 0) this.destroy(systemError("read", error));
  }

  pause(): void {
    if (!this.#isReading || this._handle === null) return;
    this.#isReading = false;
    this._handle.readStop();
  }

  /** FIN, in TLS behind close_notify. `onEnded`: it is sent. */
  end(onEnded: (() => void) | null = null): void {
    const stream = this._handle;
    if (this.#isWriteEnding || stream === null) return;
    this.#isWriteEnding = true;
    const request: OwnedShutdown = new native.ShutdownWrap();
    request.handle = stream;
    request.socket = this;
    request.oncomplete = onShutdown;
    this.#onEnded = onEnded;
    const error = stream.shutdown(request);
    if (error === alreadyDone || error === notConnected) this.onShutdown();
    else if (error !== 0) this.destroy(systemError("shutdown", error));
  }

  /** From the shutdown. */
  onShutdown(): void {
    this.#isWriteEnded = true;
    const onEnded = this.#onEnded;
    this.#onEnded = null;
    onEnded?.();
    if (this.#isReadEnded) this.destroy();
  }

  /** Closes at once; `error` is told in front of it. */
  destroy(error: Error | null = null): void {
    if (this._handle === null) return;
    this._handle = null;
    this.#handle.close(onClosed);
    if (error !== null) this.emit("error", error);
  }

  /** Closes with RST. */
  resetAndDestroy(): void {
    if (this._handle === null) return;
    if (this.#handle.reset === undefined) {
      this.destroy();
      return;
    }
    this._handle = null;
    this.#handle.reset(onClosed);
  }

  /** From the stream: a length, or a negative errno. */
  onRead(length: number): void {
    if (this._handle === null || length === 0) return;
    if (length > 0) {
      if (!this.reader.receive(length, readBuffer)) this.pause();
    } else if (length !== endOfFile) this.destroy(systemError("read", length));
    else if (!this.#isReadEnded) {
      this.#isReadEnded = true;
      this.emit("end");
      if (this.#isWriteEnded) this.destroy();
    }
  }
}

/**
 * How a stream and a shutdown of ours know their socket, until it is closed. With closures in its place V8's young collections kept each
 * connection (seen with --trace-gc on Node 26.10; why is not known).
 */
export type Owned = DuplexStream & { socket?: NativeSocket | undefined };
type OwnedShutdown = ShutdownRequest & { socket?: NativeSocket | undefined };

function onRead(this: Owned): void {
  this.socket?.onRead(native.streamBaseState[native.kReadBytesOrError] as number);
}

function onShutdown(this: OwnedShutdown): void {
  const { socket } = this;
  this.socket = undefined;
  socket?.onShutdown();
}

function onClosed(this: Owned): void {
  const { socket } = this;
  this.socket = undefined;
  socket?.emit("close");
}

/** Every socket of the thread reads into this one buffer: a read is handled before the next begins. */
export const readBuffer: Buffer = Buffer.allocUnsafeSlow(65536);
/** Where it is null nobody makes a NativeSocket. */
const native = nativeStreams as StreamBinding;
/** What libuv calls UV_EOF and UV_ENOTCONN. */
const endOfFile = -4095;
const notConnected = -107;
const alreadyDone = 1;
const nobody: Reader = { receive: () => true };
