import type { RequestWriter, ResponseSink } from "../http/codec.ts";
import { StreamReset } from "../http/codec.ts";
import { Http1ClientCodec } from "../http/h1/client-codec.ts";
import type { HeaderBlock, RequestHead, ResponseHead } from "../http/header-block.ts";
import { TimerNode } from "../net/timer-wheel.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";
import type { TransportSink } from "../net/transport.ts";
import type { Borrower, UpstreamConnectionInfo } from "./borrower.ts";
import type { UpstreamTransport } from "./environment.ts";
import { HostStat } from "./host-stats.ts";
import type { PoolH1 } from "./pool-h1.ts";
import { connectErrorText } from "./system-error.ts";

/**
 * One HTTP/1.1 connection to a host: one request at a time.
 *
 *     connecting ─▶ ready ◀─▶ lent          any ─▶ closed (once; the pool is told at once)
 *
 * It stands between codec and borrower, both ways, to count and to know when the exchange is over.
 */
export class ConnectionH1 implements TransportSink, ResponseSink, RequestWriter, UpstreamConnectionInfo {
  readonly id: number;
  readonly protocol = "HTTP/1.1";
  localAddress = "";
  tls: TlsInfo | null = null;
  isRequestStarted = false;
  /** The sweep of the pool at which it became idle. */
  idleSince = 0;
  readonly #pool: PoolH1;
  readonly #transport: UpstreamTransport;
  readonly #codec: Http1ClientCodec;
  readonly #timer: TimerNode;
  readonly #start: number;
  #state: "connecting" | "open" | "closed" = "connecting";
  #borrower: Borrower | null = null;
  #requests = 0;
  /** No further request after this one. */
  #isDraining = false;
  #isRequestDone = true;
  #isHeadReceived = false;
  #isConnect = false;
  #isTunnel = false;
  #isRemoteEnd = false;
  #isBackedUp = false;
  #countedTxBytes = 0;

  /** `ready`: the transport where it is open already; else one is made. */
  constructor(pool: PoolH1, ready: UpstreamTransport | null) {
    this.id = nextId++;
    this.#pool = pool;
    const { spec, environment } = pool.context;
    this.#start = environment.now();
    this.#timer = new TimerNode(() => this.#onTimer());
    environment.timers.add(this.#timer, spec.connectTimeoutMs);
    this.#transport =
      ready ??
      environment.connect(
        pool.host.address,
        {
          watermark: spec.bufferLimitBytes,
          keepalive: spec.tcpKeepalive,
          localAddress: spec.sourceAddress,
          tls: pool.tls,
          tlsTarget: pool.tlsTarget,
          proxyHeader: pool.proxyHeader,
        },
        this,
      );
    ready?.handTo(this);
    this.#codec = new Http1ClientCodec(
      this.#transport,
      {
        pauseInput: () => this.#pauseInput(),
        resumeInput: () => this.#resumeInput(),
        closeNow: () => this.close(),
      },
      spec.http1,
    );
  }

  get isNew(): boolean {
    return this.#requests === 1;
  }

  /** Lends it; only while ready. */
  lend(borrower: Borrower): void {
    const { spec, stats } = this.#pool.context;
    this.#borrower = borrower;
    this.#requests++;
    if (this.#requests === spec.maxRequestsPerConnection) {
      this.#isDraining = true;
      stats.values[stats.cxMaxRequests]++;
    }
    this.isRequestStarted = false;
    this.#isRequestDone = false;
    this.#isHeadReceived = false;
    this.#isConnect = false;
    this.#codec.newStream(this, borrower.bytes);
    borrower.onReady(this, this.#pool.host, this);
  }

  /** Closes it at once; nobody hears of it but the pool. */
  close(): void {
    if (this.#state === "closed") return;
    const wasConnecting = this.#state === "connecting";
    this.#state = "closed";
    const { stats, environment } = this.#pool.context;
    environment.timers.remove(this.#timer);
    this.#transport.destroy();
    this.#countTx();
    const values = stats.values;
    const isActive = this.#borrower !== null;
    values[stats.cxDestroy]++;
    values[this.#isRemoteEnd ? stats.cxDestroyRemote : stats.cxDestroyLocal]++;
    if (isActive) {
      values[stats.cxDestroyWithActive]++;
      values[this.#isRemoteEnd ? stats.cxDestroyRemoteWithActive : stats.cxDestroyLocalWithActive]++;
    }
    stats.record(stats.cxLengthMs, environment.now() - this.#start);
    if (!wasConnecting) stats.record(stats.rqPerCx, this.#requests);
    this.#pool.onClosed(this, wasConnecting);
  }

  // The request, from the borrower.

  writeHead(head: RequestHead, endStream: boolean): void {
    if (this.#borrower === null) return;
    this.isRequestStarted = true;
    this.#isConnect = head.method === "CONNECT";
    this.#isRequestDone = endStream;
    this.#codec.writeHead(head, endStream);
  }

  writeData(bytes: Buffer, endStream: boolean): boolean {
    if (this.#borrower === null) return true;
    this.#isRequestDone = endStream;
    const isWritable = this.#codec.writeData(bytes, endStream);
    if (endStream && this.#isTunnel) this.#transport.end();
    if (!isWritable && !this.#isBackedUp) {
      this.#isBackedUp = true;
      const stats = this.#pool.context.stats;
      stats.values[stats.flowBackedUp]++;
    }
    return isWritable;
  }

  writeTrailers(trailers: HeaderBlock): void {
    if (this.#borrower === null) return;
    this.#isRequestDone = true;
    this.#codec.writeTrailers(trailers);
  }

  reset(reason: StreamReset): void {
    if (this.#borrower === null) return;
    this.#codec.reset(reason);
    this.close();
    this.#endStream();
  }

  pauseReading(): void {
    if (this.#borrower !== null) this.#codec.pauseReading();
  }

  resumeReading(): void {
    if (this.#borrower !== null) this.#codec.resumeReading();
  }

  // The response, from the codec.

  onHead(head: ResponseHead, endStream: boolean): void {
    const borrower = this.#borrower;
    if (borrower === null) return;
    const status = head.status;
    if (status >= 200 || status === 101) {
      this.#isHeadReceived = true;
      const { cells, base } = this.#pool.host.stats;
      cells[base + (status >= 500 ? HostStat.rqError : HostStat.rqSuccess)]++;
      if (status === 101 || (this.#isConnect && status < 300)) this.#isTunnel = true;
    }
    if (!endStream) {
      borrower.onHead(head, false);
      return;
    }
    this.#endStream();
    borrower.onHead(head, true);
    this.#giveBack();
  }

  onData(bytes: Buffer, endStream: boolean): void {
    const borrower = this.#borrower;
    if (borrower === null) return;
    if (!endStream) {
      borrower.onData(bytes, false);
      return;
    }
    this.#endStream();
    borrower.onData(bytes, true);
    this.#giveBack();
  }

  onTrailers(trailers: HeaderBlock): void {
    const borrower = this.#borrower;
    if (borrower === null) return;
    this.#endStream();
    borrower.onTrailers(trailers);
    this.#giveBack();
  }

  onReset(reason: StreamReset, detail: string): void {
    const borrower = this.#borrower;
    if (borrower === null) return;
    const stats = this.#pool.context.stats;
    if (reason === StreamReset.protocolError) stats.values[stats.cxProtocolError]++;
    if (!this.#isHeadReceived) {
      const { cells, base } = this.#pool.host.stats;
      cells[base + HostStat.rqError]++;
    }
    this.close();
    this.#endStream();
    borrower.onReset(reason, detail);
  }

  onWritable(): void {
    this.#borrower?.onWritable();
  }

  // From the transport.

  onConnect(): void {
    if (this.#state !== "connecting") return;
    if (this.#pool.isForOther(this.#transport)) {
      this.#state = "closed";
      this.#pool.context.environment.timers.remove(this.#timer);
      this.#pool.onOtherProtocol(this.#transport);
      return;
    }
    this.#state = "open";
    const { spec, stats, environment } = this.#pool.context;
    environment.timers.remove(this.#timer);
    this.localAddress = this.#transport.localText;
    this.tls = this.#transport.tls;
    stats.record(stats.cxConnectMs, environment.now() - this.#start);
    if (spec.maxConnectionDurationMs !== null) environment.timers.add(this.#timer, spec.maxConnectionDurationMs);
    this.#pool.onConnected(this);
  }

  onBytes(bytes: Buffer, length: number): void {
    if (this.#state !== "open") return;
    const stats = this.#pool.context.stats;
    stats.values[stats.cxRxBytes] += length;
    this.#codec.feed(bytes, length);
  }

  onEnd(): void {
    if (this.#state !== "open") return;
    this.#isRemoteEnd = true;
    this.#codec.onTransportEnd();
    this.close();
  }

  onClose(error: string): void {
    if (this.#state === "closed") return;
    this.#isRemoteEnd = true;
    if (this.#state === "connecting") {
      this.#failConnect(false, connectErrorText(error));
      return;
    }
    // A reset connection is never the end of a body that ends with the connection.
    if (error !== "" && this.#borrower !== null) {
      this.onReset(this.#isHeadReceived ? StreamReset.protocolError : StreamReset.connectionTermination, "");
      return;
    }
    this.#codec.onTransportEnd();
    this.close();
  }

  onDrain(): void {
    if (this.#isBackedUp) {
      this.#isBackedUp = false;
      const stats = this.#pool.context.stats;
      stats.values[stats.flowDrained]++;
    }
    this.#codec.onDrain();
  }

  #onTimer(): void {
    if (this.#state === "connecting") {
      this.#failConnect(true, "");
      return;
    }
    const stats = this.#pool.context.stats;
    stats.values[stats.cxMaxDuration]++;
    this.#isDraining = true;
    if (this.#borrower === null) this.close();
  }

  #failConnect(isTimeout: boolean, detail: string): void {
    this.close();
    this.#pool.onConnectFailed(isTimeout ? "connection_timeout" : "remote_connection_failure", detail);
  }

  #endStream(): void {
    this.#borrower = null;
    this.#pool.onStreamEnd();
  }

  /** Envoy closes a connection whose request was not whole when its response was. */
  #giveBack(): void {
    if (this.#state === "closed") return;
    this.#countTx();
    if (this.#codec.canReuse && !this.#isDraining) {
      this.#pool.onReady(this);
      return;
    }
    if (this.#isRequestDone && !this.#isRemoteEnd && !this.#isTunnel && !this.#isDraining) {
      const stats = this.#pool.context.stats;
      stats.values[stats.cxCloseNotify]++;
    }
    this.close();
  }

  #countTx(): void {
    const stats = this.#pool.context.stats;
    const written = this.#transport.bytesWritten;
    stats.values[stats.cxTxBytes] += written - this.#countedTxBytes;
    this.#countedTxBytes = written;
  }

  #pauseInput(): void {
    const stats = this.#pool.context.stats;
    stats.values[stats.flowPaused]++;
    this.#transport.pause();
  }

  #resumeInput(): void {
    const stats = this.#pool.context.stats;
    stats.values[stats.flowResumed]++;
    this.#transport.resume();
  }
}

/** Ids of this thread's upstream connections. */
let nextId = 1;
