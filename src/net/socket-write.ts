import type { Socket } from "node:net";
import { NativeSocket } from "./native-socket.ts";
import {
  nativeStreams,
  type StreamBinding,
  systemError,
  type WritableStream,
  type WriteRequest,
} from "./native-streams.ts";

type WrittenSocket = Socket | NativeSocket;

/** Hears of a write that the kernel did not take at once. */
export interface WriteOwner {
  /** All of it is in the kernel, or will never be. `length` is in bytes, `chunk` as it was given. */
  onWritten(length: number, chunk: Buffer | null): void;
}

/** Latin-1 text. True: the kernel has it all; false: onWritten is called later. An error destroys the socket. */
export function writeText(socket: WrittenSocket, text: string, owner: WriteOwner): boolean {
  const handle = handleOf(socket);
  if (handle === null) return writeStream(socket, text, text.length, null, owner);
  const request = takeRequest(handle);
  return settle(socket, request, handle.writeLatin1String(request, text), text.length, null, owner);
}

/** The first `length` bytes of `chunk`, which must stay as it is until onWritten unless the answer is true. */
export function writeChunk(socket: WrittenSocket, chunk: Buffer, length: number, owner: WriteOwner): boolean {
  const bytes = length === chunk.length ? chunk : chunk.subarray(0, length);
  const handle = handleOf(socket);
  if (handle === null) return writeStream(socket, bytes, length, chunk, owner);
  const request = takeRequest(handle);
  return settle(socket, request, handle.writeBuffer(request, bytes), length, chunk, owner);
}

/** The writes of a TLS socket. It takes one at a time; the others wait here. */
export class TlsWrites {
  readonly #socket: WrittenSocket;
  readonly #owner: WriteOwner;
  readonly #waiting: TlsWrite[] = [];
  /** null when none is under way. */
  #current: TlsWrite | null = null;
  #isEnding = false;

  constructor(socket: WrittenSocket, owner: WriteOwner) {
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
      if (this.#socket instanceof NativeSocket) process.nextTick(() => this.#onDone());
      else this.#socket.write(data, "latin1", () => this.#onDone());
      return;
    }
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = native;
    const request: TlsWriteRequest = new WriteWrap();
    request.handle = handle;
    request.writes = this;
    request.oncomplete = onTlsWritten;
    const error =
      typeof data === "string" ? handle.writeLatin1String(request, data) : handle.writeBuffer(request, data);
    if (error !== 0) destroy(this.#socket, error);
    else if (streamBaseState[kLastWriteWasAsync] !== 0) return;
    this.#current = null;
    this.#owner.onWritten(length, chunk);
  }

  onComplete(status: number): void {
    if (status < 0) destroy(this.#socket, status);
    this.#onDone();
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

/** Knows its owner by a property: what a function of its own closes over grows old with it (native-socket.ts). */
interface TlsWriteRequest extends WriteRequest {
  writes?: TlsWrites | undefined;
}

function onTlsWritten(this: TlsWriteRequest, status: number): void {
  const { writes } = this;
  this.writes = undefined;
  writes?.onComplete(status);
}

interface TlsWrite {
  data: string | Buffer;
  length: number;
  chunk: Buffer | null;
}

/** null where the public way must be gone. */
function handleOf(socket: WrittenSocket): WritableStream | null {
  return nativeStreams === null ? null : (socket as { _handle: WritableStream | null })._handle;
}

/** The public way: a Writable around every write, which costs as much again as a small write. */
function writeStream(
  socket: WrittenSocket,
  data: string | Buffer,
  length: number,
  chunk: Buffer | null,
  owner: WriteOwner,
): boolean {
  // It is destroyed.
  if (socket instanceof NativeSocket) return true;
  let isTaken = false;
  socket.write(data, "latin1", () => {
    if (!isTaken) owner.onWritten(length, chunk);
  });
  isTaken = socket.writableLength === 0;
  return isTaken;
}

function settle(
  socket: WrittenSocket,
  request: PlainWriteRequest,
  error: number,
  length: number,
  chunk: Buffer | null,
  owner: WriteOwner,
): boolean {
  if (error !== 0) {
    destroy(socket, error);
    return true;
  }
  const { streamBaseState, kLastWriteWasAsync } = native;
  if (streamBaseState[kLastWriteWasAsync] === 0) return true;
  // The request belongs to this write now.
  spare = null;
  request.wait = { socket, length, chunk, owner };
  request.oncomplete = onWaitOver;
  return false;
}

/** As TlsWriteRequest. */
interface PlainWriteRequest extends WriteRequest {
  wait?: { socket: WrittenSocket; length: number; chunk: Buffer | null; owner: WriteOwner } | undefined;
}

function onWaitOver(this: PlainWriteRequest, status: number): void {
  const { wait } = this;
  this.wait = undefined;
  if (wait === undefined) return;
  if (status < 0) destroy(wait.socket, status);
  wait.owner.onWritten(wait.length, wait.chunk);
}

function takeRequest(handle: WritableStream): PlainWriteRequest {
  if (spare === null) spare = new native.WriteWrap();
  spare.handle = handle;
  return spare;
}

function destroy(socket: WrittenSocket, errno: number): void {
  socket.destroy(systemError("write", errno));
}

const native = nativeStreams as StreamBinding;
let spare: PlainWriteRequest | null = null;
