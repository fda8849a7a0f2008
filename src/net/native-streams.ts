import type { Socket } from "node:net";
import { getSystemErrorName } from "node:util";

/** What Node keeps inside its sockets and is written (StreamBase). A call answers 0 or a negative errno. */
export interface WritableStream {
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
}

/** One that is read too: TCP, a pipe, or TLS over either. */
export interface DuplexStream extends WritableStream {
  /** What came is in the buffer of useUserBuffer, and how much of it at kReadBytesOrError. */
  onread: () => void;
  useUserBuffer(buffer: Buffer): void;
  readStart(): number;
  readStop(): number;
  /** Of the write side, behind what was written. 1: it is done already. */
  shutdown(request: ShutdownRequest): number;
}

/** The system's side of a connection: TCP, or a pipe, which has neither names nor resets. */
export interface SocketHandle extends DuplexStream {
  close(onClosed: () => void): void;
  reset?(onClosed: () => void): number;
  getpeername?(into: SocketName): number;
  getsockname?(into: SocketName): number;
}

/** One end of a TCP connection. */
export interface SocketName {
  address?: string;
  port?: number;
}

/** Goes with a write, and belongs to it until it is done. */
export interface WriteRequest {
  handle?: WritableStream;
  oncomplete?: (status: number) => void;
}

/** Goes with a shutdown. */
export interface ShutdownRequest {
  handle?: WritableStream;
  oncomplete?: (status: number) => void;
}

/** What Node's stream binding gives. */
export interface StreamBinding {
  WriteWrap: new () => WriteRequest;
  ShutdownWrap: new () => ShutdownRequest;
  /** At kLastWriteWasAsync: 0 when the kernel took all of the last write. At kReadBytesOrError: of the last read, the length or a negative errno. */
  streamBaseState: Int32Array;
  kLastWriteWasAsync: number;
  kReadBytesOrError: number;
}

/** Node gives its bindings away only by process.binding; null where it no longer does. */
export function nativeBinding(name: string): object | null {
  try {
    return (process as unknown as { binding(name: string): object }).binding(name);
  } catch {
    return null;
  }
}

function loadStreams(): StreamBinding | null {
  const binding = nativeBinding("stream_wrap") as Partial<StreamBinding> | null;
  const isWhole = typeof binding?.WriteWrap === "function" && binding.streamBaseState instanceof Int32Array;
  return isWhole ? (binding as StreamBinding) : null;
}

/** Takes a connection out of its socket, which is left without one. */
export function takeHandle(socket: Socket): SocketHandle {
  const holder = socket as unknown as { _handle: SocketHandle | null };
  const handle = holder._handle as SocketHandle;
  holder._handle = null;
  return handle;
}

/** What a call of a handle failed with, as Node says it: `write EPIPE`. */
export function systemError(call: string, errno: number): Error {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`${call} ${code}`), { code });
}

/** null: the public ways must be gone. */
export const nativeStreams: StreamBinding | null = loadStreams();
