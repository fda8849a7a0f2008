import { Http2ClientCodec } from "../http/h2/client-codec.ts";
import type { Http2Callbacks } from "../http/h2/connection-core.ts";
import { writeOutput } from "../http/h2/write-output.ts";
import { TimerNode } from "../net/timer-wheel.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";
import type { TransportSink } from "../net/transport.ts";
import type { Borrower } from "./borrower.ts";
import type { UpstreamTransport } from "./environment.ts";
import { ExchangeH2 } from "./exchange-h2.ts";
import { Keepalive } from "./keepalive.ts";
import type { PoolH2 } from "./pool-h2.ts";
import { connectErrorText } from "./system-error.ts";

/**
 * One HTTP/2 connection to a host: as many streams as its peer takes.
 *
 *     connecting ─▶ open ─(GOAWAY, drain, its last request)─▶ draining ─(no stream left)─▶ closed (once; the pool is told at once)
 */
export class ConnectionH2 implements TransportSink, Http2Callbacks {
  readonly id: number;
  localAddress = "";
  tls: TlsInfo | null = null;
  readonly pool: PoolH2;
  readonly #transport: UpstreamTransport;
  readonly #codec: Http2ClientCodec;
  /** Connecting, then max_connection_duration. */
  readonly #timer: TimerNode;
  readonly #idleTimer: TimerNode;
  readonly #start: number;
  #keepalive: Keepalive | null = null;
  #state: "connecting" | "open" | "closed" = "connecting";
  #requests = 0;
  #isDraining = false;
  #isRemoteEnd = false;
  #countedTxBytes = 0;

  /** `ready`: the transport where it is open already; else one is made. */
  constructor(pool: PoolH2, ready: UpstreamTransport | null) {
    this.id = nextId++;
    this.pool = pool;
    const { spec, environment, http2 } = pool.context;
    this.#start = environment.now();
    this.#timer = new TimerNode(() => this.#onTimer());
    this.#idleTimer = new TimerNode(() => this.#onIdle());
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
    this.#codec = new Http2ClientCodec(http2, this, spec.bufferLimitBytes);
  }

  get canLend(): boolean {
    return this.#state === "open" && !this.#isDraining && this.#codec.canOpen;
  }

  /** Lends a stream of it; only while canLend. */
  lend(borrower: Borrower): void {
    const { spec, stats, environment } = this.pool.context;
    environment.timers.remove(this.#idleTimer);
    if (++this.#requests === spec.maxRequestsPerConnection) {
      this.#isDraining = true;
      stats.values[stats.cxMaxRequests]++;
    }
    const exchange = new ExchangeH2(this, borrower, this.#requests === 1);
    exchange.begin(this.#codec);
  }

  /** No further stream; closed when the last is over. */
  drain(): void {
    this.#isDraining = true;
    if (this.#state === "open" && this.#codec.activeStreams === 0) this.close();
  }

  close(): void {
    if (this.#state === "closed") return;
    const wasConnecting = this.#state === "connecting";
    const active = this.#codec.activeStreams;
    this.#state = "closed";
    const { stats, environment } = this.pool.context;
    environment.timers.remove(this.#timer);
    environment.timers.remove(this.#idleTimer);
    this.#keepalive?.stop();
    if (!wasConnecting && !this.#isRemoteEnd) {
      this.#codec.shutdown();
      this.flush();
    }
    this.#transport.destroy();
    this.#countTx();
    const values = stats.values;
    values[stats.cxDestroy]++;
    values[this.#isRemoteEnd ? stats.cxDestroyRemote : stats.cxDestroyLocal]++;
    if (active > 0) {
      values[stats.cxDestroyWithActive]++;
      values[this.#isRemoteEnd ? stats.cxDestroyRemoteWithActive : stats.cxDestroyLocalWithActive]++;
    }
    stats.record(stats.cxLengthMs, environment.now() - this.#start);
    if (!wasConnecting) stats.record(stats.rqPerCx, this.#requests);
    this.pool.onClosed(this, wasConnecting);
  }

  // From the transport.

  onConnect(): void {
    if (this.#state !== "connecting") return;
    if (this.pool.isForOther(this.#transport)) {
      this.#state = "closed";
      this.pool.context.environment.timers.remove(this.#timer);
      this.pool.onLeft(this);
      this.pool.onOtherProtocol(this.#transport);
      return;
    }
    this.#state = "open";
    const { spec, stats, environment } = this.pool.context;
    environment.timers.remove(this.#timer);
    this.localAddress = this.#transport.localText;
    this.tls = this.#transport.tls;
    stats.record(stats.cxConnectMs, environment.now() - this.#start);
    if (spec.maxConnectionDurationMs !== null) environment.timers.add(this.#timer, spec.maxConnectionDurationMs);
    this.#keepalive = Keepalive.of(spec.http2.keepalive, this.#codec, () => this.#onKeepaliveTimeout());
    this.#codec.open();
    this.pool.onConnected();
    this.#armIdle();
  }

  onBytes(bytes: Buffer, length: number): void {
    if (this.#state !== "open") return;
    const stats = this.pool.context.stats;
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
    this.#codec.onTransportEnd();
    this.close();
  }

  onDrain(): void {
    this.flush();
  }

  onFlush(): void {
    this.flush();
  }

  // From the codec.

  onOutput(): void {
    this.#transport.scheduleFlush();
  }

  flush(): void {
    writeOutput(this.#codec, this.#transport);
    this.#countTx();
  }

  onConnectionError(): void {
    const stats = this.pool.context.stats;
    stats.values[stats.cxProtocolError]++;
    this.flush();
    this.close();
  }

  onGoAway(): void {
    const stats = this.pool.context.stats;
    stats.values[stats.cxCloseNotify]++;
    this.drain();
    this.pool.serveWaiting();
  }

  pauseInput(): void {
    const stats = this.pool.context.stats;
    stats.values[stats.flowPaused]++;
    this.#transport.pause();
  }

  resumeInput(): void {
    const stats = this.pool.context.stats;
    stats.values[stats.flowResumed]++;
    this.#transport.resume();
  }

  onPingAck(): void {
    this.#keepalive?.onAck();
  }

  onSettings(): void {
    this.pool.serveWaiting();
  }

  onStreamClosed(): void {
    if (this.#state !== "open") return;
    if (this.#codec.activeStreams === 0) {
      if (this.#isDraining || this.#codec.isSpent) {
        this.close();
        return;
      }
      this.#armIdle();
    }
    this.pool.serveWaiting();
  }

  #armIdle(): void {
    const { spec, environment } = this.pool.context;
    if (spec.idleTimeoutMs !== null && this.#codec.activeStreams === 0)
      environment.timers.add(this.#idleTimer, spec.idleTimeoutMs);
  }

  #onIdle(): void {
    if (this.#codec.activeStreams > 0) return;
    const stats = this.pool.context.stats;
    stats.values[stats.cxIdleTimeout]++;
    this.close();
  }

  #onTimer(): void {
    if (this.#state === "connecting") {
      this.#failConnect(true, "");
      return;
    }
    const stats = this.pool.context.stats;
    stats.values[stats.cxMaxDuration]++;
    this.drain();
  }

  #onKeepaliveTimeout(): void {
    this.pool.context.http2.counters.keepalive_timeout++;
    this.#codec.onTransportEnd();
    this.close();
  }

  #failConnect(isTimeout: boolean, detail: string): void {
    this.close();
    this.pool.onConnectFailed(isTimeout ? "connection_timeout" : "remote_connection_failure", detail);
  }

  #countTx(): void {
    const stats = this.pool.context.stats;
    const written = this.#transport.bytesWritten;
    stats.values[stats.cxTxBytes] += written - this.#countedTxBytes;
    this.#countedTxBytes = written;
  }
}

/** Ids of this thread's upstream connections, apart from those of HTTP/1. */
let nextId = 1_000_000_001;
