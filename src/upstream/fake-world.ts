import type { RequestWriter } from "../http/codec.ts";
import { defaultHttp1Options } from "../http/h1/options.ts";
import { defaultHttp2Options } from "../http/h2/settings.ts";
import { RequestHead, type ResponseHead } from "../http/header-block.ts";
import type { SocketAddress } from "../net/address.ts";
import { Timers } from "../net/timer-wheel.ts";
import type { TransportSink } from "../net/transport.ts";
import { StatReader } from "../observability/stat-reader.test-kit.ts";
import { StatsSlab } from "../observability/stats.ts";
import type { Borrower, UpstreamConnectionInfo } from "./borrower.ts";
import { allocateBreakerCounters } from "./circuit-breaker.ts";
import { Cluster } from "./cluster.ts";
import type { UpstreamEnvironment, UpstreamTransport } from "./environment.ts";
import type { Host } from "./host-set.ts";
import { allocateHostStats } from "./host-stats.ts";
import type { ClusterSpec, HostSpec, LocalitySpec } from "./spec.ts";

/** For tests: a transport that keeps what is written, and whose peer is the test. */
export class FakeTransport implements UpstreamTransport {
  readonly isWritable = true;

  readonly address: SocketAddress;
  readonly sink: TransportSink;
  readonly localText = "127.0.0.1:40000";
  readonly tls = null;
  bytesWritten = 0;
  written = "";
  isDestroyed = false;
  isPaused = false;

  constructor(address: SocketAddress, sink: TransportSink) {
    this.address = address;
    this.sink = sink;
  }

  writeText(text: string): void {
    this.written += text;
    this.bytesWritten += text.length;
  }

  writeBytes(bytes: Buffer): boolean {
    this.writeText(bytes.toString("latin1"));
    return true;
  }

  scheduleFlush(): void {}

  writeChunk(): void {}

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {}

  handTo(): void {}

  destroy(): void {
    this.isDestroyed = true;
  }

  /** The peer sends. */
  send(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.sink.onBytes(bytes, bytes.length);
  }
}

/** For tests: clock, randomness and network in the test's hand. */
export class FakeWorld {
  now = 1000;
  randoms: number[] = [];
  readonly transports: FakeTransport[] = [];
  readonly slab: StatsSlab = new StatsSlab(new SharedArrayBuffer(1 << 20));
  readonly stats = new StatReader(this.slab);
  readonly timers: Timers = new Timers(
    () => this.now,
    () => () => {},
  );
  readonly environment: UpstreamEnvironment = {
    connect: (address, _options, sink) => {
      const transport = new FakeTransport(address, sink);
      this.transports.push(transport);
      return transport;
    },
    timers: this.timers,
    now: () => this.now,
    random: () => this.randoms.shift() ?? 0,
    logs: null,
    tokens: null,
  };

  /** Lets time pass in steps of the wheel. */
  wait(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now = Math.min(end, this.now + 50);
      this.timers.advance();
    }
  }

  cluster(spec: ClusterSpec): Cluster {
    return new Cluster(spec, this.slab, 0, this.environment);
  }

  /** A stat of the cluster "c". */
  stat(name: string): number {
    return (this.stats.value(`cluster.c.${name}`) ?? 0) + 0;
  }

  transport(index: number): FakeTransport {
    return this.transports[index] as FakeTransport;
  }
}

/** For tests: a borrower that writes down what it hears and sends GET / when it may. */
export class FakeBorrower implements Borrower {
  readonly isHttp2 = false;
  readonly source = null;
  readonly bytes = null;

  readonly events: string[] = [];
  writer: RequestWriter | null = null;
  host: Host | null = null;
  connectionId = 0;
  wasNew = false;
  /** Leave the request open. */
  isSending = false;

  onReady(writer: RequestWriter, host: Host, connection: UpstreamConnectionInfo): void {
    this.writer = writer;
    this.host = host;
    this.connectionId = connection.id;
    this.wasNew = connection.isNew;
    this.events.push("ready");
    const head = new RequestHead();
    head.method = this.isSending ? "POST" : "GET";
    head.path = "/";
    head.authority = "a";
    writer.writeHead(head, !this.isSending);
  }
  onBorrowFailed(reason: string, detail: string, host: Host | null): void {
    this.events.push(`failed ${reason} ${detail} ${host?.addressText ?? "-"}`);
  }
  onHead(head: ResponseHead, endStream: boolean): void {
    this.events.push(`${head.status}${endStream ? " end" : ""}`);
  }
  onData(bytes: Buffer, endStream: boolean): void {
    this.events.push(`data ${bytes.toString("latin1")}${endStream ? " end" : ""}`);
  }
  onTrailers(): void {
    this.events.push("trailers");
  }
  onReset(reason: string, detail: string): void {
    this.events.push(`reset ${reason} ${detail}`.trim());
  }
  onWritable(): void {
    this.events.push("writable");
  }
}

/** For tests: a host at 127.0.0.1. */
export function fakeHost(port: number, change: Partial<HostSpec> = {}): HostSpec {
  return {
    address: { host: "127.0.0.1", port, path: null },
    hostname: "",
    socket: -1,
    weight: 1,
    health: "HEALTHY",
    healthStatus: 0,
    metadata: null,
    tlvs: [],
    shared: allocateHostStats(1),
    ...change,
  };
}

export function fakeLocality(hosts: HostSpec[], change: Partial<LocalitySpec> = {}): LocalitySpec {
  return { region: "", zone: "", subZone: "", priority: 0, weight: 0, hosts, ...change };
}

/** For tests: the static cluster "c" with Envoy's defaults. */
export function fakeSpec(hosts: HostSpec[], change: Partial<ClusterSpec> = {}): ClusterSpec {
  const thresholds = {
    maxConnections: 1024,
    maxPendingRequests: 1024,
    maxRequests: 1024,
    maxRetries: 3,
    retryBudget: null,
    maxConnectionPools: Number.MAX_SAFE_INTEGER,
    trackRemaining: false,
  };
  return {
    name: "c",
    observabilityName: "c",
    metadata: null,
    discovery: "STATIC",
    eds: null,
    connectTimeoutMs: 5000,
    lb: {
      policy: "ROUND_ROBIN",
      hash: null,
      choiceCount: 2,
      activeRequestBias: 1,
      isFullScan: false,
      slowStart: null,
      subset: null,
      overrideHost: null,
      isLocalityWeighted: false,
      zoneAware: {
        routingEnabledPct: 100,
        minClusterSize: 6,
        failsOnPanic: false,
        forceLocalMinSize: null,
        isByWeight: false,
      },
      overrideStatuses: 0,
      panicThresholdPct: 50,
    },
    localities: [fakeLocality(hosts)],
    overprovisioningPct: 140,
    dns: null,
    breakers: { thresholds: [{ ...thresholds }, { ...thresholds }], counters: allocateBreakerCounters(1) },
    http1: defaultHttp1Options,
    idleTimeoutMs: 3_600_000,
    maxConnectionDurationMs: null,
    maxStreamDurationMs: null,
    maxRequestsPerConnection: 0,
    bufferLimitBytes: 1 << 20,
    tcpKeepalive: null,
    sourceAddress: "",
    tls: null,
    proxyHeader: null,
    socketMatches: [],
    autoSni: null,
    credential: null,
    retryPolicy: null,
    protocol: "HTTP1",
    http2: {
      options: defaultHttp2Options,
      keepalive: { intervalMs: 0, timeoutMs: 0, jitterPct: 0, idleIntervalMs: 0 },
    },
    ...change,
  };
}
