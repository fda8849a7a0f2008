import type { RequestWriter, ResponseSink } from "../http/codec.ts";
import { StreamReset } from "../http/codec.ts";
import type { Http2ClientCodec, Http2ClientStream } from "../http/h2/client-codec.ts";
import type { HeaderBlock, RequestHead, ResponseHead } from "../http/header-block.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";
import type { Borrower, UpstreamConnectionInfo } from "./borrower.ts";
import type { ConnectionH2 } from "./connection-h2.ts";
import { HostStat } from "./host-stats.ts";

/** One request and its response on an HTTP/2 connection: it stands between the stream and the borrower to count. */
export class ExchangeH2 implements ResponseSink, RequestWriter, UpstreamConnectionInfo {
  readonly protocol = "HTTP/2";
  readonly isNew: boolean;
  isRequestStarted = false;
  readonly #connection: ConnectionH2;
  #borrower: Borrower | null;
  #stream: Http2ClientStream | null = null;
  #isHeadReceived = false;

  constructor(connection: ConnectionH2, borrower: Borrower, isNew: boolean) {
    this.#connection = connection;
    this.#borrower = borrower;
    this.isNew = isNew;
  }

  get id(): number {
    return this.#connection.id;
  }

  get localAddress(): string {
    return this.#connection.localAddress;
  }

  get tls(): TlsInfo | null {
    return this.#connection.tls;
  }

  begin(codec: Http2ClientCodec): void {
    this.#stream = codec.newStream(this);
    this.#stream.bytes = this.#borrower?.bytes ?? null;
    this.#borrower?.onReady(this, this.#connection.pool.host, this);
  }

  // The request, from the borrower.

  writeHead(head: RequestHead, endStream: boolean): void {
    this.isRequestStarted = true;
    this.#stream?.writeHead(head, endStream);
  }

  writeData(bytes: Buffer, endStream: boolean): boolean {
    return this.#stream?.writeData(bytes, endStream) ?? true;
  }

  writeTrailers(trailers: HeaderBlock): void {
    this.#stream?.writeTrailers(trailers);
  }

  reset(reason: StreamReset): void {
    const stream = this.#stream;
    if (this.#borrower === null || stream === null) return;
    this.#end();
    stream.reset(reason);
    stream.rest();
  }

  pauseReading(): void {
    this.#stream?.pauseReading();
  }

  resumeReading(): void {
    this.#stream?.resumeReading();
  }

  // The response, from the codec.

  onHead(head: ResponseHead, endStream: boolean): void {
    const borrower = this.#borrower;
    if (borrower === null) return;
    const status = head.status;
    if (status >= 200 || status === 101) {
      this.#isHeadReceived = true;
      this.#count(status >= 500 ? HostStat.rqError : HostStat.rqSuccess);
    }
    if (endStream) this.#end();
    borrower.onHead(head, endStream);
    if (endStream) this.#stream?.rest();
  }

  onData(bytes: Buffer, endStream: boolean): void {
    const borrower = this.#borrower;
    if (borrower === null) return;
    if (endStream) this.#end();
    borrower.onData(bytes, endStream);
    if (endStream) this.#stream?.rest();
  }

  onTrailers(trailers: HeaderBlock): void {
    const borrower = this.#borrower;
    if (borrower === null) return;
    this.#end();
    borrower.onTrailers(trailers);
    this.#stream?.rest();
  }

  onReset(reason: StreamReset, detail: string): void {
    const borrower = this.#borrower;
    if (borrower === null) return;
    const stats = this.#connection.pool.context.stats;
    if (reason === StreamReset.remoteReset) stats.values[stats.rqRxReset]++;
    if (!this.#isHeadReceived) this.#count(HostStat.rqError);
    this.#end();
    borrower.onReset(reason, detail);
    this.#stream?.rest();
  }

  onWritable(): void {
    this.#borrower?.onWritable();
  }

  #end(): void {
    this.#borrower = null;
    this.#connection.pool.onStreamEnd();
  }

  #count(stat: number): void {
    const { cells, base } = this.#connection.pool.host.stats;
    cells[base + stat]++;
  }
}
