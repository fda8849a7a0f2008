import type net from "node:net";
import { TLSSocket } from "node:tls";
import { eventClock } from "../event-clock.ts";
import type { Inspection, Inspector } from "../inspector.ts";
import { LazyTimer } from "../lazy-timer.ts";
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
export class InspectedSocket {
  /** What is known so far. */
  readonly inspection: Inspection = { proxied: null, hello: null, httpProtocol: "" };
  readonly #socket: net.Socket;
  readonly #owner: InspectionOwner;
  readonly #timer: LazyTimer;
  readonly #inspectors: readonly Inspector[];
  /** The one that looks at present. */
  #at = 0;
  #bytes: Buffer = nothing;
  #isDone = false;
  readonly #onData = (bytes: Buffer): void => this.#read(bytes);
  readonly #onEnd = (): void => this.#fail(false);

  /** `timeoutMs`: 0 for none; after it the connection is closed, or goes on as it is known by then. */
  constructor(
    socket: net.Socket,
    owner: InspectionOwner,
    inspectors: readonly Inspector[],
    timeoutMs: number,
    continuesOnTimeout: boolean,
  ) {
    this.#owner = owner;
    this.#inspectors = inspectors;
    this.#timer = new LazyTimer(() => (continuesOnTimeout ? this.finish() : this.#fail(true)));
    if (timeoutMs > 0) this.#timer.set(eventClock.tick(), timeoutMs);
    this.#socket = socket;
    this.#socket.on("data", this.#onData);
    this.#socket.on("end", this.#onEnd);
    this.#socket.on("close", this.#onEnd);
    this.#socket.on("error", ignore);
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
    this.#socket.pause();
    if (this.#bytes.length > 0) this.#socket.unshift(this.#bytes);
    this.#bytes = nothing;
    this.#owner.onInspected(this);
  }

  /** The connection as it is, its first bytes still to be read. */
  plain(): net.Socket {
    return this.#socket;
  }

  /** Begins the handshake with a certificate of `tls`. `onSecure` hears of its end, `onFailed` of its failure; one of them, once. */
  secure(
    tls: ServerTls,
    hello: ClientHello,
    { context, stapler }: ServerCertificate,
    isStapled: boolean,
    onSecure: (socket: TLSSocket) => void,
    onFailed: (socket: TLSSocket, reason: string) => void,
  ): TLSSocket {
    const alpn = tls.alpnFor(hello.alpn);
    const socket = new TLSSocket(this.#socket, {
      isServer: true,
      secureContext: context,
      ...(isStapled && stapler !== null ? { server: stapler } : {}),
      requestCert: tls.requestsCertificate,
      rejectUnauthorized: false,
      ...(alpn === null ? {} : { ALPNProtocols: alpnWire(alpn) }),
    } as ConstructorParameters<typeof TLSSocket>[1]);
    let reason = "";
    let isOver = false;
    const onError = (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message;
    };
    const onClose = () => end(false);
    const end = (isSecure: boolean) => {
      if (isOver) return;
      isOver = true;
      limit.dispose();
      socket.off("error", onError);
      socket.off("close", onClose);
      socket.on("error", ignore);
      eventClock.tick();
      if (isSecure) onSecure(socket);
      else onFailed(socket, reason);
    };
    const limit = new LazyTimer(() => {
      reason = "handshake timeout";
      socket.destroy();
    });
    limit.set(eventClock.now, handshakeTimeoutMs);
    socket.on("error", onError);
    socket.on("close", onClose);
    socket.once("secure", () => end(true));
    return socket;
  }

  destroy(): void {
    this.#done();
    this.#socket.destroy();
  }

  /** Ends it with TLS's alert handshake_failure. */
  refuseHandshake(): void {
    this.#done();
    this.#socket.end(handshakeFailure, () => this.#socket.destroy());
  }

  #read(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    eventClock.tick();
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
    this.#timer.dispose();
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("close", this.#onEnd);
  }
}

/** One protocol in the form of the extension (RFC 7301 section 3.1). */
function alpnWire(protocol: string): Buffer {
  return Buffer.concat([Buffer.from([protocol.length]), Buffer.from(protocol, "latin1")]);
}

function ignore(): void {}

/** A record of TLS 1.0 with a fatal alert, which clients of all versions read. */
const handshakeFailure = Buffer.from([21, 3, 1, 0, 2, 2, 40]);
const nothing = Buffer.alloc(0);
