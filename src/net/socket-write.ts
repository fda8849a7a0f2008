import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { getSystemErrorName } from "node:util";

/** Hears of a write that the kernel did not take at once. */
export interface WriteOwner {
  /** All of it is in the kernel, or will never be. `length` is in bytes, `chunk` as it was given. */
  onWritten(length: number, chunk: Buffer | null): void;
}

/** Latin-1 text. True: the kernel has it all; false: onWritten is called later. An error destroys the socket. */
export function writeText(socket: Socket, text: string, owner: WriteOwner): boolean {
  const handle = handleOf(socket);
  if (handle === null) return writeStream(socket, text, text.length, null, owner);
  const request = takeRequest(handle);
  return settle(socket, request, handle.writeLatin1String(request, text), text.length, null, owner);
}

/** The first `length` bytes of `chunk`, which must stay as it is until onWritten unless the answer is true. */
export function writeChunk(socket: Socket, chunk: Buffer, length: number, owner: WriteOwner): boolean {
  const bytes = length === chunk.length ? chunk : chunk.subarray(0, length);
  const handle = handleOf(socket);
  if (handle === null) return writeStream(socket, bytes, length, chunk, owner);
  const request = takeRequest(handle);
  return settle(socket, request, handle.writeBuffer(request, bytes), length, chunk, owner);
}

/** The writes of a TLS socket. It takes one at a time; the others wait here. */
export class TlsWrites {
  readonly #socket: TLSSocket;
  readonly #owner: WriteOwner;
  readonly #waiting: TlsWrite[] = [];
  /** null when none is under way. */
  #current: TlsWrite | null = null;
  #isEnding = false;

  constructor(socket: TLSSocket, owner: WriteOwner) {
    this.#socket = socket;
    this.#owner = owner;
  }

  /** As writeText and writeChunk; the owner hears of every one. */
  write(data: string | Buffer, length: number, chunk: Buffer | null): void {
    const write = { data, length, chunk };
    if (this.#current === null) this.#begin(write);
    else this.#waiting.push(write);
  }

  /** Close notify and FIN behind what was written. */
  end(): void {
    if (this.#current === null) this.#socket.end();
    else this.#isEnding = true;
  }

  #begin(write: TlsWrite): void {
    const { data, length, chunk } = write;
    const handle = handleOf(this.#socket);
    this.#current = write;
    if (handle === null) {
      this.#socket.write(data, "latin1", () => this.#onDone());
      return;
    }
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = native as Native;
    const request = new WriteWrap();
    request.handle = handle;
    request.oncomplete = (status) => {
      if (status < 0) destroy(this.#socket, status);
      this.#onDone();
    };
    const error =
      typeof data === "string" ? handle.writeLatin1String(request, data) : handle.writeBuffer(request, data);
    if (error !== 0) destroy(this.#socket, error);
    else if (streamBaseState[kLastWriteWasAsync] !== 0) return;
    this.#current = null;
    this.#owner.onWritten(length, chunk);
  }

  #onDone(): void {
    const { length, chunk } = this.#current as TlsWrite;
    this.#current = null;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#begin(next);
    else if (this.#isEnding) this.#socket.end();
    this.#owner.onWritten(length, chunk);
  }
}

interface TlsWrite {
  data: string | Buffer;
  length: number;
  chunk: Buffer | null;
}

/** null where the public way must be gone. */
function handleOf(socket: Socket): Handle | null {
  return native === null ? null : (socket as unknown as Handled)._handle;
}

/** The public way: a Writable around every write, which costs as much again as a small write. */
function writeStream(
  socket: Socket,
  data: string | Buffer,
  length: number,
  chunk: Buffer | null,
  owner: WriteOwner,
): boolean {
  let isTaken = false;
  socket.write(data, "latin1", () => {
    if (!isTaken) owner.onWritten(length, chunk);
  });
  isTaken = socket.writableLength === 0;
  return isTaken;
}

function settle(
  socket: Socket,
  request: WriteRequest,
  error: number,
  length: number,
  chunk: Buffer | null,
  owner: WriteOwner,
): boolean {
  if (error !== 0) {
    destroy(socket, error);
    return true;
  }
  const { streamBaseState, kLastWriteWasAsync } = native as Native;
  if (streamBaseState[kLastWriteWasAsync] === 0) return true;
  // The request belongs to this write now.
  spare = null;
  request.oncomplete = (status) => {
    if (status < 0) destroy(socket, status);
    owner.onWritten(length, chunk);
  };
  return false;
}

function takeRequest(handle: Handle): WriteRequest {
  if (spare === null) spare = new (native as Native).WriteWrap();
  spare.handle = handle;
  return spare;
}

function destroy(socket: Socket, errno: number): void {
  const code = getSystemErrorName(errno);
  socket.destroy(Object.assign(new Error(`write ${code}`), { code }));
}

/** What Node keeps inside a net.Socket (StreamBase). A write answers 0 or a negative errno. */
interface Handle {
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
}

interface Handled {
  _handle: Handle | null;
}

interface WriteRequest {
  handle?: Handle;
  oncomplete?: (status: number) => void;
}

interface Native {
  WriteWrap: new () => WriteRequest;
  /** At the index kLastWriteWasAsync: 0 when the kernel took all of the last write. */
  streamBaseState: Int32Array;
  kLastWriteWasAsync: number;
}

/** Node gives its stream binding away only by process.binding; a Node that no longer does gets the public way. */
function loadNative(): Native | null {
  try {
    const binding = (process as unknown as { binding(name: string): Partial<Native> }).binding("stream_wrap");
    const isWhole = typeof binding.WriteWrap === "function" && binding.streamBaseState instanceof Int32Array;
    return isWhole ? (binding as Native) : null;
  } catch {
    return null;
  }
}

const native = loadNative();
let spare: WriteRequest | null = null;
