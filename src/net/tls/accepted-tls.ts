import { X509Certificate } from "node:crypto";
import { type SecureContext, TLSSocket } from "node:tls";
import type { NativeSocket, Owned } from "../native-socket.ts";
import { type DuplexStream, nativeBinding, nativeStreams, type SocketHandle } from "../native-streams.ts";

/** What a server makes of a handshake. */
export interface AcceptOptions {
  context: SecureContext;
  /** The protocol that was chosen, as the extension has it (RFC 7301 section 3.1); null for none. */
  alpn: Buffer | null;
  requestsCertificate: boolean;
  /** null where none is stapled. */
  ocspResponse: Buffer | null;
  logsKeys: boolean;
}

/**
 * Puts TLS over an accepted socket: what Node's TLSSocket is made of, without the TLSSocket (a sixth of
 * `npm run bench -- --cases tls-resumptions`). The socket says "secure" when the handshake is done, and is destroyed where it fails.
 * Gives what can be asked of TLS: the methods of a TLSSocket that look at its handle alone.
 */
export function acceptTls(socket: NativeSocket, options: AcceptOptions): TLSSocket {
  const tls = new AcceptedTls();
  socket.coverBy((handle) => {
    const stream = (binding as TlsBinding).wrap(handle, options.context.context, true, false);
    stream.onhandshakedone = onHandshakeDone;
    stream.onerror = onError;
    if (options.requestsCertificate) stream.setVerifyMode(true, false);
    if (options.alpn !== null) stream.setALPNProtocols(options.alpn);
    if (options.ocspResponse !== null) stream.setOCSPResponse(options.ocspResponse);
    if (options.logsKeys) {
      stream.onkeylog = onKeyLog;
      stream.enableKeylogCallback();
    }
    tls._handle = stream;
    return stream;
  });
  // Not before: OpenSSL may be at work, and who hears of the end may ask what it was.
  socket.once("close", () => process.nextTick(destroyTls, tls));
  return tls as unknown as TLSSocket;
}

/**
 * What a server's TLS is while it has not begun: nothing is agreed on, and its certificate is the context's. As BoringSSL, which takes it for
 * TLS 1.2 until it knows better.
 */
export function unbegunTls(context: SecureContext): TLSSocket {
  return new UnbegunTls(context) as unknown as TLSSocket;
}

/** Begins the handshake with what was read of it before there was TLS. */
export function beginHandshake(socket: NativeSocket, bytes: Buffer): void {
  (socket._handle as TlsWrap | null)?.receive(bytes);
}

class AcceptedTls {
  readonly _tlsOptions = serverOptions;
  /** null behind the end of the socket, as TLSSocket's. */
  _handle: TlsWrap | null = null;

  get alpnProtocol(): string | false {
    return this._handle?.getALPNNegotiatedProtocol() ?? false;
  }
}

class UnbegunTls extends AcceptedTls {
  readonly #context: { getCertificate(): Buffer | null };

  constructor({ context }: SecureContext) {
    super();
    this.#context = context as { getCertificate(): Buffer | null };
  }

  getX509Certificate(): X509Certificate | undefined {
    const der = this.#context.getCertificate();
    return der === null ? undefined : new X509Certificate(der);
  }
}

function destroyTls(tls: AcceptedTls): void {
  const stream = tls._handle as (TlsWrap & Owned) | null;
  if (stream === null) return;
  stream.destroySSL();
  // As of the socket's own stream: native-socket.ts.
  stream.socket = undefined;
  tls._handle = null;
}

function onHandshakeDone(this: Owned): void {
  if (this.socket?._handle !== null) this.socket?.emit("secure");
}

function onError(this: Owned, error: Error): void {
  this.socket?.destroy(error);
}

function onKeyLog(this: Owned, line: Buffer): void {
  this.socket?.emit("keylog", line);
}

/** Node's TLSWrap. */
interface TlsWrap extends DuplexStream {
  onhandshakedone: () => void;
  onerror: (error: Error) => void;
  onkeylog: (line: Buffer) => void;
  receive(bytes: Buffer): void;
  setVerifyMode(requests: boolean, rejects: boolean): void;
  setALPNProtocols(protocols: Buffer): void;
  setOCSPResponse(response: Buffer): void;
  enableKeylogCallback(): void;
  getALPNNegotiatedProtocol(): string | false;
  destroySSL(): void;
}

interface TlsBinding {
  wrap(handle: SocketHandle, context: unknown, isServer: boolean, hasActiveWrite: boolean): TlsWrap;
}

/** There is no public way to it. */
const binding = nativeBinding("tls_wrap") as TlsBinding | null;
/** Whether this Node can put TLS over an accepted socket. */
export const canAcceptTls: boolean = binding !== null && nativeStreams !== null;
const serverOptions = { isServer: true };
Object.setPrototypeOf(AcceptedTls.prototype, TLSSocket.prototype);
