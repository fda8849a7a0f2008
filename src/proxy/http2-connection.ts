import type { RequestSink } from "../http/codec.ts";
import { type Http2ServerCallbacks, Http2ServerCodec, type Http2ServerStream } from "../http/h2/server-codec.ts";
import { writeOutput } from "../http/h2/write-output.ts";
import { eventClock } from "../net/event-clock.ts";
import { LazyTimer } from "../net/lazy-timer.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";
import type { Transport, TransportSink } from "../net/transport.ts";
import { ResponseFlag } from "../observability/response-flags.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { Keepalive } from "../upstream/keepalive.ts";
import type { ClientCert } from "./client-cert.ts";
import { addressesOf, type ConnectionAddresses } from "./connection-addresses.ts";
import type { ConnectionOwner } from "./connection-owner.ts";
import type { Hcm } from "./hcm.ts";
import { Http2StreamConnection } from "./http2-stream-connection.ts";
import { afterResponse, delayedClose, describeConnection, describeEnd } from "./stream-connection.ts";

/**
 * A downstream HTTP/2 connection: one transport, one codec, a stream for each request.
 *
 *     open ─(drain: GOAWAY for all ids, a moment later for the last one)─▶ draining ─(no stream left)─▶ closing ─▶ closed
 *      └─ error of the connection: GOAWAY, delayed close ────────────────────────────────────────▶ closing
 */
export class Http2ServerConnection implements TransportSink, Http2ServerCallbacks {
  place = -1;
  readonly hcm: Hcm;
  readonly id: number;
  readonly tls: TlsInfo | null;
  readonly clientCert: ClientCert;
  readonly addresses: ConnectionAddresses;
  readonly protocol = "HTTP/2";
  readonly #owner: ConnectionOwner;
  readonly #transport: Transport;
  readonly #codec: Http2ServerCodec;
  readonly #start: number;
  /** Being idle, or the end of closing. */
  readonly #timer: LazyTimer;
  /** max_connection_duration, or the moments of a drain. */
  readonly #drainTimer: LazyTimer;
  readonly #keepalive: Keepalive | null;
  /** request_headers_timeout, made when a head first comes in parts. */
  #headTimer: LazyTimer | null = null;
  /** Runs while there are streams. */
  readonly #upkeep: LazyTimer;
  #requests = 0;
  #phase: "open" | "announced" | "draining" | "closing" = "open";
  terminationDetails = "";
  /** Envoy's local close reason. */
  #closeReason = "";
  /** What the transport ended with, unless it was to end anyway. */
  #error = "";
  #wasLocalClose = false;
  /** Bits of ResponseFlag. */
  #flags = 0;
  #bytesRead = 0;
  #bytesWritten = 0;

  constructor(
    owner: ConnectionOwner,
    hcm: Hcm,
    id: number,
    tls: TlsInfo | null,
    proxied: ProxiedAddresses | null,
    open: (sink: TransportSink) => Transport,
  ) {
    this.#owner = owner;
    this.hcm = hcm;
    this.id = id;
    this.tls = tls;
    this.clientCert = hcm.clientCertOf(tls);
    const transport = open(this);
    this.#transport = transport;
    this.addresses = addressesOf(transport, proxied);
    this.#codec = new Http2ServerCodec(hcm.http2, this, transport.watermark);
    this.#timer = new LazyTimer(() => this.#onTimer());
    this.#drainTimer = new LazyTimer(() => this.#onDrainTimer());
    this.#upkeep = new LazyTimer(() => this.#onUpkeep());
    const spec = hcm.spec;
    const now = eventClock.tick();
    this.#start = now;
    if (spec.idleTimeoutMs > 0) this.#timer.set(now, spec.idleTimeoutMs);
    if (spec.maxConnectionDurationMs > 0) this.#drainTimer.set(now, spec.maxConnectionDurationMs);
    this.#keepalive = Keepalive.of(spec.http2.keepalive, this.#codec, () => this.#onKeepaliveTimeout());
    hcm.stats.onConnectionBegin(tls !== null, true);
    if (owner.isDraining) this.drain();
  }

  // From the transport.

  onConnect(): void {}

  onBytes(bytes: Buffer, length: number): void {
    if (this.#phase === "closing") return;
    this.#codec.feed(bytes, length);
    this.#countBytes();
    const limit = this.hcm.spec.requestHeadersTimeoutMs;
    if (limit === 0) return;
    if (!this.#codec.isHeadPartial) this.#headTimer?.clear();
    else if (this.#headTimer === null || !this.#headTimer.isSet) {
      this.#headTimer ??= new LazyTimer(() => this.#onHeadTimeout());
      this.#headTimer.set(eventClock.now, limit);
    }
  }

  onEnd(): void {
    this.#codec.onTransportEnd();
    this.#transport.destroy();
  }

  onClose(error: string): void {
    if (this.#phase !== "closing") this.#error = error;
    const hadRequests = this.#codec.activeStreams > 0;
    this.#codec.onTransportEnd();
    this.#timer.dispose();
    this.#drainTimer.dispose();
    this.#upkeep.dispose();
    this.#headTimer?.dispose();
    this.#keepalive?.stop();
    this.#countBytes();
    const stats = this.hcm.stats;
    stats.onConnectionEnd(eventClock.now - this.#start, this.#wasLocalClose, hadRequests, this.tls !== null, true);
    this.#owner.onConnectionEnd(this);
  }

  onDrain(): void {
    this.flush();
  }

  /** The end of the event-loop turn: its frames go out together. */
  onFlush(): void {
    this.flush();
  }

  // From the codec.

  newStream(writer: Http2ServerStream): RequestSink {
    this.#timer.clear();
    if (!this.#upkeep.isSet) this.#upkeep.set(eventClock.now, upkeepMs);
    if (++this.#requests === this.hcm.spec.maxRequestsPerConnection) {
      this.hcm.stats.count("downstream_cx_max_requests_reached");
      this.#startDrain(this.hcm.spec.drainTimeoutMs);
    }
    if (this.#owner.sendsAway) this.#sendAway();
    const stream = this.hcm.takeStream();
    stream.begin(new Http2StreamConnection(this, writer), writer);
    writer.bytes = stream.info.downstreamBytes;
    return stream;
  }

  onOutput(): void {
    this.#transport.scheduleFlush();
  }

  flush(): void {
    writeOutput(this.#codec, this.#transport);
  }

  onConnectionError(_code: number, detail: string): void {
    if (detail === "too_many_premature_resets") this.hcm.stats.count("downstream_rq_too_many_premature_resets");
    this.hcm.stats.count("downstream_cx_protocol_error");
    this.#flags |= ResponseFlag.DPE;
    this.flush();
    this.#close(`codec_error:${detail}`);
  }

  /** The client will open no more streams; those that are there go on. */
  onGoAway(): void {}

  pauseInput(): void {
    this.hcm.stats.count("downstream_flow_control_paused_reading_total");
    this.#transport.pause();
  }

  resumeInput(): void {
    this.hcm.stats.count("downstream_flow_control_resumed_reading_total");
    this.#transport.resume();
  }

  onPingAck(): void {
    this.#keepalive?.onAck();
  }

  onSettings(): void {}

  onStreamClosed(): void {
    if (this.#codec.activeStreams > 0 || this.#phase === "closing") return;
    if (this.#phase === "draining") {
      this.#close();
      return;
    }
    const idle = this.hcm.spec.idleTimeoutMs;
    if (idle > 0) this.#timer.set(eventClock.now, idle);
  }

  // From the listener.

  /** The listener drains: new requests should go elsewhere, those on their way are served. */
  drain(): void {
    this.#startDrain(drainGraceMs);
  }

  #sendAway(): void {
    if (this.#phase !== "open") return;
    this.hcm.stats.count("downstream_cx_drain_close");
    this.#startDrain(this.hcm.spec.drainTimeoutMs);
  }

  destroy(closeReason = ""): void {
    this.#closeReason = closeReason;
    this.#wasLocalClose = true;
    this.#transport.destroy();
  }

  describe(info: StreamInfo): void {
    describeConnection(info, this);
    describeEnd(info, this, this.#start, this.#closeReason, this.#error);
    info.responseFlags = this.#flags;
    info.bytesReceived = this.#bytesRead;
    info.bytesSent = this.#bytesWritten;
  }

  #startDrain(graceMs: number): void {
    if (this.#phase !== "open") return;
    this.#phase = "announced";
    this.#codec.announceShutdown();
    this.#drainTimer.set(eventClock.now, graceMs);
  }

  #onDrainTimer(): void {
    if (this.#phase === "open") {
      this.hcm.stats.count("downstream_cx_max_duration_reached");
      this.#startDrain(this.hcm.spec.drainTimeoutMs);
    } else if (this.#phase === "announced") {
      this.#phase = "draining";
      this.#codec.shutdown();
      if (this.#codec.activeStreams === 0) this.#close();
    }
  }

  #onTimer(): void {
    if (this.#phase === "closing") {
      this.destroy(this.hcm.spec.delayedCloseTimeoutMs > 0 ? delayedClose : this.#closeReason);
      return;
    }
    if (this.#codec.activeStreams > 0) return;
    this.hcm.stats.count("downstream_cx_idle_timeout");
    this.#startDrain(this.hcm.spec.drainTimeoutMs);
  }

  /** What a client does not let out is not kept for ever. */
  #onUpkeep(): void {
    if (this.hcm.spec.streamFlushTimeoutMs > 0) this.#codec.resetStalled(this.hcm.spec.streamFlushTimeoutMs);
    if (this.#codec.activeStreams > 0) this.#upkeep.set(eventClock.now, upkeepMs);
  }

  #onHeadTimeout(): void {
    this.hcm.stats.count("downstream_rq_header_timeout");
    this.#codec.shutdown();
    this.#close();
  }

  #onKeepaliveTimeout(): void {
    this.hcm.http2.counters.keepalive_timeout++;
    this.destroy("http2_ping_timeout");
  }

  #close(reason = afterResponse): void {
    if (this.#phase === "closing") return;
    this.#phase = "closing";
    this.#closeReason = reason;
    this.#wasLocalClose = true;
    this.flush();
    this.#transport.end();
    this.#timer.set(eventClock.now, this.hcm.spec.delayedCloseTimeoutMs || 5);
  }

  #countBytes(): void {
    const read = this.#transport.bytesRead;
    const written = this.#transport.bytesWritten;
    this.hcm.stats.onBytes(read - this.#bytesRead, written - this.#bytesWritten);
    this.#bytesRead = read;
    this.#bytesWritten = written;
  }
}

const drainGraceMs = 1000;
const upkeepMs = 5000;
