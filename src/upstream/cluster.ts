import { HeadPool } from "../http/h2/message-head.ts";
import type { RequestHead } from "../http/header-block.ts";
import { addressText } from "../net/address.ts";
import { eventClock } from "../net/event-clock.ts";
import { ClientTls } from "../net/tls/client-tls.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import type { UpstreamTlsSpec } from "../net/tls/spec.ts";
import { threadChunks } from "../net/transport.ts";
import { Word64 } from "../net/word64.ts";
import { Http2Stats } from "../observability/http2-stats.ts";
import { SslStats } from "../observability/ssl-stats.ts";
import type { StatsSlab } from "../observability/stats.ts";
import { linkKeyLog } from "../observability/tls-key-log.ts";
import { HashPolicy } from "../router/hash-policy.ts";
import { RetryPolicy } from "../router/retry-policy.ts";
import type { RuntimeLookup } from "../router/runtime-fraction.ts";
import type { Borrower } from "./borrower.ts";
import { CircuitBreaker, Resource } from "./circuit-breaker.ts";
import { ClusterStats, clusterStatPrefix } from "./cluster-stats.ts";
import { Credential, type CredentialSpec } from "./credential.ts";
import type { UpstreamEnvironment } from "./environment.ts";
import { realEnvironment } from "./environment.ts";
import { Host, type HostChooser, HostSet, type HostSetContext } from "./host-set.ts";
import { HostStat } from "./host-stats.ts";
import type { LbContext } from "./lb/context.ts";
import { tellSelectedHost } from "./lb/override-host.ts";
import { linkSans } from "./link-sans.ts";
import { linkSubsets } from "./link-subsets.ts";
import { type LocalZone, nowhere } from "./local-zone.ts";
import type { Pool, PoolContext } from "./pool.ts";
import { PoolH1 } from "./pool-h1.ts";
import { PoolH2 } from "./pool-h2.ts";
import { anyTarget, type PoolTarget, targetKey, targetOf } from "./pool-target.ts";
import { ProxyHeaders } from "./proxy-headers.ts";
import type { AnswerFacts } from "./response-stats.ts";
import type { ClusterSpec, LocalitySpec } from "./spec.ts";
import type { TokenSources } from "./token-source.ts";

/** Clusters do not know the runtime's keys. */
const noRuntime: RuntimeLookup = { entry: () => null };
/** Heads of the thread's HTTP/2 exchanges. */
const heads = new HeadPool();
/** Of the request that looks for a host. */
const requestHash = new Word64();

/** What a route asks of a cluster by priority. Envoy: RoutingPriority. */
export type RoutingPriority = "DEFAULT" | "HIGH";

/** A cluster, live in one worker: which host, which connection. */
export class Cluster {
  readonly spec: ClusterSpec;
  readonly name: string;
  readonly observabilityName: string;
  readonly metadata: ClusterSpec["metadata"];
  readonly stats: ClusterStats;
  /** In place of what routes say; null without one. Envoy 1.40: HttpProtocolOptions.retry_policy. */
  readonly retryPolicy: RetryPolicy | null;
  readonly #worker: number;
  readonly #context: PoolContext;
  readonly #http2: Http2Stats;
  /** Of each transport socket, null for plain text: its own, then those of socketMatches. */
  readonly #tls: readonly (ClientTls | null)[];
  readonly #proxyHeaders: ProxyHeaders;
  readonly #breakers: [CircuitBreaker, CircuitBreaker];
  /** By address. */
  #hosts = new Map<string, Host>();
  #hostSet: HostChooser;
  #localities: readonly LocalitySpec[];
  readonly #zone: LocalZone;
  #isClosed = false;
  readonly #onPanic = (): void => {
    this.stats.values[this.stats.panic]++;
  };
  readonly #activeRequests = (): number =>
    this.#breakers[0].count(Resource.requests) + this.#breakers[1].count(Resource.requests);
  /** Of the balancer; null: the route's. */
  readonly #hashPolicy: HashPolicy | null;

  /** null without a credential. */
  readonly #credential: Credential | null;

  /** At most one per spec and worker at a time: its breakers take over the shared counters of this worker. */
  constructor(
    spec: ClusterSpec,
    slab: StatsSlab,
    worker: number,
    environment: UpstreamEnvironment = realEnvironment,
    zone: LocalZone = nowhere,
  ) {
    this.spec = spec;
    this.name = spec.name;
    this.observabilityName = spec.observabilityName;
    this.metadata = spec.metadata;
    this.stats = new ClusterStats(slab, spec.observabilityName, zone.zone);
    this.retryPolicy = spec.retryPolicy === null ? null : new RetryPolicy(spec.retryPolicy, noRuntime);
    this.#worker = worker;
    this.#zone = zone;
    this.#localities = spec.localities;
    const policies = spec.lb.hash?.policies ?? [];
    this.#hashPolicy = policies.length === 0 ? null : new HashPolicy(policies);
    const prefix = clusterStatPrefix(spec.observabilityName);
    this.#credential = linkCredential(spec.credential, slab, prefix, environment.tokens);
    const sockets = [spec.tls, ...spec.socketMatches.map(({ tls }) => tls)];
    this.#tls = sockets.map((context) =>
      context === null ? null : new ClientTls(new SslStats(slab, prefix, "client")),
    );
    this.#http2 = new Http2Stats(slab, prefix);
    this.#proxyHeaders = new ProxyHeaders([spec, ...spec.socketMatches], slab, spec.observabilityName);
    this.#context = {
      spec,
      stats: this.stats,
      environment,
      tls: this.#tls,
      proxyHeader: (host, target) => this.#proxyHeaders.writer(host, target),
      otherPool: (pool) => this.#otherPool(pool),
      waiting: new Map(),
      http2: {
        options: spec.http2.options,
        counters: this.#http2.counters,
        heads,
        chunks: threadChunks,
        now: () => eventClock.now,
      },
    };
    for (const context of sockets) if (context !== null) this.onTlsUpdate(context);
    this.#breakers = [new CircuitBreaker(spec.breakers, 0, worker), new CircuitBreaker(spec.breakers, 1, worker)];
    this.#hostSet = this.#link(spec.localities);
  }

  /**
   * Finds the borrower an upstream stream. onReady or onBorrowFailed may be called before it returns, and are as long as
   * the chosen host has an idle connection. `context` is for policies that look at the request; null where it has no route.
   */
  borrow(
    borrower: Borrower,
    head: RequestHead | null,
    priority: RoutingPriority,
    context: LbContext | null = null,
  ): void {
    const host = this.#choose(head, context);
    const stats = this.stats;
    if (host === null) {
      stats.values[stats.cxNoneHealthy]++;
      borrower.onBorrowFailed("no_healthy_upstream", "", null);
      return;
    }
    if (head !== null && !this.addCredential(head)) {
      borrower.onBorrowFailed("no_credential", "", host);
      return;
    }
    const { protocol, autoSni } = this.spec;
    const isHttp2 =
      protocol === "HTTP2" || (protocol === "DOWNSTREAM" && borrower.isHttp2) || (protocol === "AUTO" && host.isHttp2);
    const index = (priority === "HIGH" ? 1 : 0) + (isHttp2 ? 2 : 0);
    const source = this.#proxyHeaders.isOf(host) ? borrower.source : null;
    const pool =
      (autoSni === null || head === null) && source === null
        ? (host.pools[index] ?? this.#openPool(host, host.pools, index, anyTarget))
        : this.#namedPool(host, index, targetOf(head, autoSni, source));
    if (pool === null) {
      stats.values[stats.cxPoolOverflow]++;
      borrower.onBorrowFailed("no_healthy_upstream", "", null);
      return;
    }
    pool.borrow(borrower);
  }

  /** What the cluster's filters do to a head. False: it may not go, there is no secret to send. */
  addCredential(head: RequestHead): boolean {
    return this.#credential === null || this.#credential.addTo(head);
  }

  /** The borrower no longer waits. The host it waited for; null when it did not wait. */
  cancel(borrower: Borrower): Host | null {
    const pool = this.#context.waiting.get(borrower);
    if (pool === undefined) return null;
    pool.cancel(borrower);
    return pool.host;
  }

  /** How many hosts there are, and how many of them are healthy or degraded. */
  get health(): { total: number; healthy: number } {
    let healthy = 0;
    for (const host of this.#hosts.values()) if (host.health !== "UNHEALTHY") healthy++;
    return { total: this.#hosts.size, healthy };
  }

  /** Brings what the codecs count into the slab. */
  syncStats(): void {
    this.#http2.sync();
  }

  /** The retry budget of a routing priority, for the router. */
  breaker(priority: RoutingPriority): CircuitBreaker {
    return this.#breakers[priority === "HIGH" ? 1 : 0];
  }

  /** The upstream's response head came `elapsedMs` after the request. */
  onResponse(status: number, elapsedMs: number, facts: AnswerFacts): void {
    this.stats.onAnswer(status, elapsedMs, facts);
  }

  /** The proxy answered in the upstream's place. */
  onLocalFailure(status: number, facts: AnswerFacts): void {
    this.stats.onAnswer(status, -1, facts);
  }

  /** The route's timeout passed. `host` when the request had one; `status` is what is answered, 0 when the response had begun. */
  onRequestTimeout(host: Host | null, status: number, facts: AnswerFacts): void {
    this.stats.values[this.stats.rqTimeout]++;
    if (status !== 0) this.stats.onAnswer(status, -1, facts);
    if (host === null) return;
    const { cells, base } = host.stats;
    cells[base + HostStat.rqTimeout]++;
    if (status !== 0) cells[base + HostStat.rqError]++;
  }

  /** The secrets of some TLS context came or changed. */
  onTlsUpdate(update: TlsContextSpec<unknown>): void {
    if (update.spec === null) return;
    const { credential } = this.spec;
    if (credential?.secret.id === update.id) credential.secret.spec = update.spec as string;
    const contexts = [this.spec.tls, ...this.spec.socketMatches.map(({ tls }) => tls)];
    for (const [i, context] of contexts.entries()) {
      if (context?.id !== update.id) continue;
      const spec = update.spec as UpstreamTlsSpec;
      this.#tls[i]?.update(spec, linkSans(spec.validation), linkKeyLog(spec.keyLog, this.#context.environment.logs));
    }
  }

  /** New endpoints. A host whose address stays keeps its connections; those of one that went drain. */
  updateHosts(localities: readonly LocalitySpec[]): void {
    const before = this.#hosts;
    this.#localities = localities;
    this.#hostSet = this.#link(localities);
    for (const [address, host] of before) if (this.#hosts.get(address) !== host) drainHost(host);
  }

  /** The hosts of the local cluster changed: zone-aware routing goes by them. */
  onLocalHosts(): void {
    if (!this.spec.lb.isLocalityWeighted && this.spec.lb.hash === null) this.#hostSet = this.#link(this.#localities);
  }

  /** The cluster is removed or replaced: streams in flight go on, and so does who still borrows, but nothing stays idle. */
  close(): void {
    this.#isClosed = true;
    for (const host of this.#hosts.values()) drainHost(host);
  }

  #link(localities: readonly LocalitySpec[]): HostChooser {
    const before = this.#hosts;
    const now = this.#context.environment.now();
    const hosts = new Map<string, Host>();
    const live = localities.map((spec) => ({
      spec,
      hosts: spec.hosts.flatMap((hostSpec) => {
        const address = addressText(hostSpec.address);
        // Envoy uses a repeated address once.
        if (hosts.has(address)) return [];
        const last = before.get(address);
        const known = last?.socket === hostSpec.socket ? last : undefined;
        const host = known ?? new Host(hostSpec, spec, this.#worker, now);
        known?.update(hostSpec, spec, now);
        hosts.set(address, host);
        return [host];
      }),
    }));
    this.#hosts = hosts;
    const { lb, overprovisioningPct } = this.spec;
    const setContext: HostSetContext = {
      overprovisioningPct,
      random: this.#context.environment.random,
      now: this.#context.environment.now,
      onPanic: this.#onPanic,
      activeRequests: this.#activeRequests,
      zone: this.#zone,
      stats: this.stats,
    };
    if (lb.subset === null) return new HostSet(lb, live, setContext);
    return linkSubsets(lb, lb.subset, live, setContext);
  }

  #choose(head: RequestHead | null, context: LbContext | null): Host | null {
    const { hash, subset, overrideHost, overrideStatuses } = this.spec.lb;
    let host: Host | null = null;
    const forced = context?.info.overrideHost ?? null;
    // Envoy: a retry goes where it would go without.
    if (forced !== null && context?.info.attemptCount === 1) {
      const named = this.#hosts.get(forced.address);
      if (named !== undefined && (overrideStatuses & (1 << named.healthStatus)) !== 0) return named;
      if (forced.isStrict) return null;
    }
    if (overrideHost !== null && head !== null && context !== null) {
      for (let isLeft = true; isLeft && host === null; ) {
        const name = context.namedHosts.next(overrideHost, head, context.info);
        isLeft = name !== null;
        host = this.#hosts.get(name ?? "") ?? null;
      }
    }
    if (host === null) {
      if (hash !== null) this.#hashRequest(head, context);
      const criteria = subset === null ? null : (context?.criteria ?? null);
      host = this.#hostSet.choose(requestHash, criteria, context?.selection ?? null);
    }
    const key = overrideHost?.selectedHostKey ?? null;
    if (key !== null && host !== null && context !== null) tellSelectedHost(key, host.addressText, context.info);
    return host;
  }

  /** Into requestHash: by the balancer's policies or the route's; at random where they give none. */
  #hashRequest(head: RequestHead | null, context: LbContext | null): void {
    const policy = this.#hashPolicy ?? context?.hashPolicy ?? null;
    if (policy !== null && context !== null && head !== null) {
      const cookies = this.#hashPolicy === null ? context.routeCookies : context.balancerCookies;
      if (policy.compute(head, context.info, cookies, requestHash)) return;
    }
    const { random } = this.#context.environment;
    requestHash.set(random() * 0x100000000, random() * 0x100000000);
  }

  #openPool(host: Host, pools: (Pool | null)[], index: number, target: PoolTarget): Pool | null {
    const breaker = this.#breakers[(index & 1) as 0 | 1];
    if (!breaker.canTake(Resource.pools)) return null;
    const pool = this.#newPool(host, index, target);
    pools[index] = pool;
    if (this.#isClosed) pool.drain();
    return pool;
  }

  #newPool(host: Host, index: number, target: PoolTarget): Pool {
    const breaker = this.#breakers[(index & 1) as 0 | 1];
    if (index < 2) this.stats.nameHttp1();
    const context = this.#context;
    return index < 2 ? new PoolH1(context, host, breaker, target) : new PoolH2(context, host, breaker, target);
  }

  #namedPool(host: Host, index: number, target: PoolTarget): Pool | null {
    const key = targetKey(target);
    let pools = host.namedPools.get(key);
    if (pools === undefined) {
      // Targets are the clients' choice: those that have no connection any more go.
      if (host.namedPools.size >= host.namedPoolsLimit) forgetReleased(host);
      host.namedPools.set(key, (pools = [null, null, null, null]));
    }
    const pool = pools[index];
    return pool != null && !pool.isReleased ? pool : this.#openPool(host, pools, index, target);
  }

  #otherPool(pool: Pool): Pool {
    const { host } = pool;
    for (const pools of [host.pools, ...host.namedPools.values()]) {
      const at = pools.indexOf(pool);
      if (at >= 0) return (pools[at ^ 2] ??= this.#newPool(host, at ^ 2, pool.target));
    }
    // Its target was forgotten meanwhile: a pool for this connection alone.
    return this.#newPool(host, pool.isHttp2 ? 0 : 2, pool.target);
  }
}

function linkCredential(
  spec: CredentialSpec | null,
  slab: StatsSlab,
  prefix: string,
  tokens: TokenSources | null,
): Credential | null {
  if (spec === null) return null;
  const secret = () => spec.secret.spec;
  // Envoy counts the tokens of all clusters together.
  const source = spec.oauth2 === null || tokens === null ? null : tokens.of(spec.oauth2, "", secret);
  return new Credential(spec, slab, prefix, secret, source);
}

function drainHost(host: Host): void {
  for (const pools of [host.pools, ...host.namedPools.values()]) for (const pool of pools) pool?.drain();
}

/** Looking at all of them is worth it when as many came as stayed the last time. */
function forgetReleased(host: Host): void {
  for (const [key, list] of host.namedPools)
    if (list.every((pool) => pool?.isReleased !== false)) host.namedPools.delete(key);
  host.namedPoolsLimit = 2 * host.namedPools.size + 16;
}
