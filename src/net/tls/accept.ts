import type { TLSSocket } from "node:tls";
import { eventClock } from "../event-clock.ts";
import type { Inspection, Inspector } from "../inspector.ts";
import { LazyTimer } from "../lazy-timer.ts";
import type { NativeSocket, Reader } from "../native-socket.ts";
import type { SocketHandle } from "../native-streams.ts";
import type { Rostered } from "../roster.ts";
import { writeChunk } from "../socket-write.ts";
import { socketOf, Transport, type TransportSink } from "../transport.ts";
import { acceptTls, beginHandshake } from "./accepted-tls.ts";
import type { ClientHello } from "./client-hello.ts";
import type { ServerTls } from "./secure-context.ts";
import type { ServerCertificate } from "./server-certificate.ts";

/** Who decides what becomes of an inspected connection. */
export interface InspectionOwner {
  /** The owner calls plain(), secure() or destroy(). */
  onInspected(inspected: InspectedSocket): void;
  /** It ended, was refused, or said nothing in time. */
  onInspectionFailed(inspected: InspectedSocket, isTimeout: boolean): void;
}

/** As node:tls has it; Envoy has none by default. */
export const handshakeTimeoutMs = 120_000;

/**
 * An accepted connection whose first bytes are looked at by listener filters before it becomes plain or TLS.
 *
 *     reading the first bytes ─▶ inspected ─▶ plain() | secure() ─▶ the owner's
 */
export class InspectedSocket implements Reader, Rostered {
  place = -1;
  /** When it was accepted: eventClock. */
  readonly start: number = eventClock.tick();
  /** What is known so far. */
  readonly inspection: Inspection = { proxied: null, hello: null, helloFault: null, httpProtocol: "" };
  readonly #socket: NativeSocket;
  readonly #timer: LazyTimer;
  #owner: InspectionOwner;
  #inspectors: readonly Inspector[];
  #continuesOnTimeout: boolean;
  /** The one that looks at present. */
  #at = 0;
  #bytes: Buffer = nothing;
  #isDone = false;
  /** What comes is the begin of a handshake. */
  #isShakingHands = false;
  #isWatched = false;
  /** What it became. */
  #transport: Transport | null = null;
  /** What ended it, by Node's code; "" for nothing. */
  error = "";
  /** When a handshake began: eventClock; -1 for none. */
  handshakeBegin = -1;
  readonly #onEnd = (): void => this.#fail(false);

  /** `timeoutMs`: 0 for none; after it the connection is closed, or goes on as it is known by then. Without inspectors it is for finish() at once. */
  constructor(
    handle: SocketHandle,
    owner: InspectionOwner,
    inspectors: readonly Inspector[],
    timeoutMs: number,
    continuesOnTimeout: boolean,
  ) {
    this.#owner = owner;
    this.#inspectors = inspectors;
    this.#continuesOnTimeout = continuesOnTimeout;
    this.#timer = new LazyTimer(() => this.#onTimeout());
    this.#socket = socketOf(handle);
    this.#socket.reader = this;
    this.#socket.on("error", ({ code }: NodeJS.ErrnoException) => (this.error = code ?? ""));
    if (inspectors.length > 0) this.#watch(timeoutMs);
  }

  #onTimeout(): void {
    if (this.#socket.isTls) this.#socket.destroy();
    else if (this.#continuesOnTimeout) this.finish();
    else this.#fail(true);
  }

  #watch(timeoutMs: number): void {
    this.#isWatched = true;
    if (timeoutMs > 0) this.#timer.set(eventClock.tick(), timeoutMs);
    this.#socket.on("end", this.#onEnd);
    this.#socket.on("close", this.#onEnd);
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? "";
  }
  get remotePort(): number {
    return this.#socket.remotePort ?? 0;
  }
  get localAddress(): string {
    return this.#socket.localAddress ?? "";
  }
  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  /** Goes on as it is known by now. */
  finish(): void {
    this.#done();
    this.#owner.onInspected(this);
  }

  /** It was inspected, and another one looks at the same bytes, for what a handshake begins with. */
  lookOn(owner: InspectionOwner, inspector: Inspector, timeoutMs: number): void {
    this.#owner = owner;
    this.#isShakingHands = true;
    this.#inspectors = [inspector];
    this.#at = 0;
    this.#isDone = false;
    this.#continuesOnTimeout = false;
    this.#watch(timeoutMs);
    if (this.#bytes.length > 0) this.#look();
  }

  /** Of the connection, whatever it becomes. */
  whenClosed(listener: () => void): void {
    this.#socket.once("close", listener);
  }

  /** What is to be closed without being served. */
  get socket(): NativeSocket {
    return this.#socket;
  }

  /** The connection as it is. Its first bytes come with deliver(). */
  plain(sink: TransportSink, watermark: number): Transport {
    this.#transport = new Transport(this.#socket, sink, watermark);
    return this.#transport;
  }

  /** Hands on what was looked at. */
  deliver(): void {
    const bytes = this.#bytes;
    this.#bytes = nothing;
    if (this.#socket.isTls) beginHandshake(this.#socket, bytes);
    else if (bytes.length > 0) this.#transport?.receive(bytes.length, bytes);
  }

  /** A handshake with a certificate of `tls`, which begins with deliver(). `onSecure` hears of its end, `onFailed` of its failure; one of them, once. */
  secure(
    tls: ServerTls,
    hello: ClientHello,
    { context, ocspResponse }: ServerCertificate,
    isStapled: boolean,
    onSecure: (tlsSocket: TLSSocket) => void,
    onFailed: (tlsSocket: TLSSocket) => void,
  ): void {
    const socket = this.#socket;
    const tlsSocket = acceptTls(socket, {
      context,
      alpn: tls.alpnFor(hello.alpn),
      requestsCertificate: tls.requestsCertificate,
      ocspResponse: isStapled ? ocspResponse : null,
      logsKeys: tls.keyLog !== null,
    });
    let isOver = false;
    const onClose = () => end(false);
    const end = (isSecure: boolean) => {
      if (isOver) return;
      isOver = true;
      this.#timer.dispose();
      socket.off("close", onClose);
      socket.off("end", onEnd);
      eventClock.tick();
      if (isSecure) onSecure(tlsSocket);
      else onFailed(tlsSocket);
    };
    // Half of a connection shakes no hands.
    const onEnd = () => socket.destroy();
    const { now } = eventClock;
    if (this.handshakeBegin < 0) this.handshakeBegin = now;
    this.#timer.set(now, handshakeTimeoutMs);
    socket.on("close", onClose);
    socket.on("end", onEnd);
    socket.once("secure", () => end(true));
  }

  destroy(): void {
    this.#done();
    this.#socket.destroy();
  }

  /** Ends it with an alert of TLS; 0 for none. */
  refuseHandshake(alert: number): void {
    if (alert === 0) {
      this.destroy();
      return;
    }
    this.#done();
    // A record of TLS 1.0 with a fatal alert, which clients of all versions read.
    const record = Buffer.from([21, 3, 1, 0, 2, 2, alert]);
    writeChunk(this.#socket, record, record.length, { onWritten() {} });
    this.#socket.end(() => this.#socket.destroy());
  }

  receive(length: number, bytes: Buffer): boolean {
    // A connection that is refused is held, and what it sends is thrown away.
    if (this.#isDone) return true;
    const read = bytes.subarray(0, length);
    this.#bytes = this.#bytes.length === 0 ? read : Buffer.concat([this.#bytes, read]);
    eventClock.tick();
    this.#look();
    // The read buffer is the thread's.
    if (this.#bytes.buffer === bytes.buffer) this.#bytes = Buffer.from(this.#bytes);
    return true;
  }

  #look(): void {
    if (this.#isShakingHands && this.handshakeBegin < 0) this.handshakeBegin = eventClock.now;
    for (; this.#at < this.#inspectors.length; this.#at++) {
      // Nothing is left behind a PROXY header: the next one waits.
      if (this.#bytes.length === 0) return;
      const taken = (this.#inspectors[this.#at] as Inspector).inspect(this.#bytes, this.inspection);
      if (taken === "more") return;
      if (taken === "refuse") {
        this.#fail(false);
        return;
      }
      this.#bytes = this.#bytes.subarray(taken);
    }
    this.finish();
  }

  #fail(isTimeout: boolean): void {
    if (this.#isDone) return;
    this.#done();
    this.#socket.destroy();
    this.#owner.onInspectionFailed(this, isTimeout);
  }

  #done(): void {
    this.#isDone = true;
    if (!this.#isWatched) return;
    this.#isWatched = false;
    this.#timer.dispose();
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("close", this.#onEnd);
  }
}

const nothing = Buffer.alloc(0);
