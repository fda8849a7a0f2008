import { type SecureContext, TLSSocket, type TLSSocketOptions } from "node:tls";
import type { AcceptedHandle } from "../listen.ts";
import { type Reader, readInto } from "../transport.ts";

/**
 * Node's TLSSocket straight on an accepted connection, without the net.Socket that Node would have between them, and read into the
 * thread's one buffer: `npm run bench -- --cases tls-handshakes,https`.
 */
export class AcceptedTlsSocket extends TLSSocket implements Reader {
  /** Who reads once the handshake is done. */
  reader: Reader | null = null;

  constructor(handle: AcceptedHandle, options: TLSSocketOptions & { secureContext: SecureContext }) {
    const onread = readInto({ receive: (length, bytes) => this.receive(length, bytes) });
    super(undefined as never, { ...options, isServer: true, allowHalfOpen: true, onread, handle } as TLSSocketOptions);
    Object.assign(this, { connecting: false });
  }

  /** Begins the handshake with what was read of it. */
  begin(bytes: Buffer): void {
    (this as unknown as Wrapped)._handle?.receive(bytes);
  }

  receive(length: number, bytes: Buffer): boolean {
    return this.reader?.receive(length, bytes) ?? true;
  }

  /** Asked by Node's constructor, which has no handle of its own where there is no socket. */
  protected _wrapHandle(wrap: null, _handle: undefined, hasActiveWrite: boolean): object {
    const { handle } = (this as unknown as Wrapped)._tlsOptions;
    return wrapHandle.call(this, wrap, handle, hasActiveWrite);
  }
}

/** What Node keeps inside a TLSSocket. */
interface Wrapped {
  _handle: { receive(bytes: Buffer): void } | null;
  _tlsOptions: { handle: AcceptedHandle };
}

const { _wrapHandle: wrapHandle } = TLSSocket.prototype as unknown as {
  _wrapHandle(wrap: null, handle: AcceptedHandle, hasActiveWrite: boolean): object;
};
