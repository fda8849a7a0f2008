import type { FilterStream, Terminal, TerminalStream } from "../filters/api.ts";
import type { ClusterDirectory } from "../filters/router/router-parts.ts";
import type { Http2Shared } from "../http/h2/connection-core.ts";
import type { RequestHead, ResponseHead } from "../http/header-block.ts";
import { eventClock } from "../net/event-clock.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";
import type { AccessLog } from "../observability/access-log.ts";
import type { ListenerFacts } from "../observability/facts.ts";
import type { StatsSlab } from "../observability/stats.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { Route } from "../router/route.ts";
import type { RouteTable } from "../router/route-table.ts";
import type { Cluster } from "../upstream/cluster.ts";
import { ClientCert } from "./client-cert.ts";
import type { FilterChain } from "./filter-chain.ts";
import { HcmStats } from "./hcm-stats.ts";
import { RequestHeaderPolicy } from "./header-policy.ts";
import type { LocalReplyMapper, MappedReply } from "./local-reply-mapper.ts";
import { ResponseHeaderPolicy } from "./response-policy.ts";
import type { ScopedTables } from "./scoped-tables.ts";
import type { HcmSpec } from "./spec.ts";
import { Stream } from "./stream.ts";
import { describeConnection, type StreamConnection } from "./stream-connection.ts";

/** The routes of all, or by scope. */
export type Routing = RouteTable | ScopedTables;

/** What a linked connection manager is made of. */
export interface HcmParts {
  spec: HcmSpec;
  listener: ListenerFacts;
  listenerStatName: string;
  filterChainName: string;
  bufferLimitBytes: number;
  slab: StatsSlab;
  chain: FilterChain;
  routes: Routing;
  accessLogs: AccessLog[];
  localReplies: LocalReplyMapper | null;
  /** Requests for a host that the connection's certificate is not for get 421. Runtime key nuncio.answer_misdirected_requests. */
  answersMisdirected: boolean;
  clusters: ClusterDirectory;
  http2: Http2Shared;
  newTerminal: (hcm: Hcm, stream: TerminalStream) => Terminal;
}

/** An HTTP connection manager, linked: immutable but for its routes and filters, shared by the connections that were accepted under it. */
export class Hcm {
  readonly spec: HcmSpec;
  readonly listener: ListenerFacts;
  readonly filterChainName: string;
  readonly bufferLimitBytes: number;
  readonly stats: HcmStats;
  readonly answersMisdirected: boolean;
  /** What its HTTP/2 connections share. */
  readonly http2: Http2Shared;
  chain: FilterChain;
  readonly requestPolicy: RequestHeaderPolicy;
  readonly responsePolicy: ResponseHeaderPolicy;
  /** Of connections in plain text. */
  readonly #noClientCert: ClientCert;
  readonly #clusters: ClusterDirectory;
  #routes: Routing;
  readonly #accessLogs: AccessLog[];
  readonly #localReplies: LocalReplyMapper | null;
  readonly #newTerminal: HcmParts["newTerminal"];
  readonly #idleStreams: Stream[] = [];

  constructor(parts: HcmParts) {
    const spec = parts.spec;
    this.spec = spec;
    this.listener = parts.listener;
    this.filterChainName = parts.filterChainName;
    this.bufferLimitBytes = parts.bufferLimitBytes;
    this.answersMisdirected = parts.answersMisdirected;
    this.http2 = parts.http2;
    this.stats = new HcmStats(parts.slab, spec.statPrefix, parts.listenerStatName);
    this.chain = parts.chain;
    this.#clusters = parts.clusters;
    this.#noClientCert = new ClientCert(spec.clientCert, null);
    this.requestPolicy = new RequestHeaderPolicy(spec, parts.listener.node);
    this.responsePolicy = new ResponseHeaderPolicy(spec);
    this.#routes = parts.routes;
    this.#accessLogs = parts.accessLogs;
    this.#localReplies = parts.localReplies;
    this.#newTerminal = parts.newTerminal;
  }

  /** The stream that ended last: the processor still knows it. */
  takeStream(): Stream {
    return this.#idleStreams.pop() ?? new Stream(this);
  }

  giveStream(stream: Stream): void {
    if (this.#idleStreams.length < maxIdleStreams) this.#idleStreams.push(stream);
    else stream.dispose();
  }

  newTerminal(stream: TerminalStream): Terminal {
    return this.#newTerminal(this, stream);
  }

  /** What x-forwarded-client-cert says of a connection; `tls` is null for plain text. */
  clientCertOf(tls: TlsInfo | null): ClientCert {
    return tls === null ? this.#noClientCert : new ClientCert(this.spec.clientCert, tls);
  }

  /** RDS or SRDS brought other routes: for the requests from now on. */
  replaceRoutes(routes: Routing): void {
    this.#routes = routes;
  }

  /** ECDS brought another filter; `routes` are linked with the new chain. Streams that have their route keep both. */
  replaceFilters(chain: FilterChain, routes: Routing): void {
    this.chain = chain;
    this.#routes = routes;
  }

  routeFor(head: RequestHead, info: StreamInfo): Route | null {
    return this.#routes.match(head, info, Math.random());
  }

  /** internal_only_headers of the routes that a request will have. */
  internalOnlyHeaders(head: RequestHead): readonly string[] {
    return this.#routes.internalOnlyHeadersFor(head);
  }

  /** What VHDS is asked for to find a request's virtual host; "" for nothing. */
  onDemandName(head: RequestHead): string {
    return this.#routes.onDemandName(head);
  }

  /** The log tells the cluster that a request would have gone to, if it is there, when a filter answers first. */
  noteCluster({ info, route, request }: FilterStream): void {
    if (info.clusterName === "") info.noteCluster(this.#clusterFor(route, request));
  }

  onStreamBegin(info: StreamInfo, connection: StreamConnection): void {
    this.stats.onRequestBegin(connection.isHttp2);
    describeConnection(info, connection);
    info.start = eventClock.now;
    info.startTimeMs = eventClock.wallNow;
    info.filterChainName = this.filterChainName;
    info.listener = this.listener;
  }

  /** Where a request is led to now; its log tells of it. */
  routeAgain(head: RequestHead, info: StreamInfo): Route | null {
    const route = this.routeFor(head, info);
    info.noteRoute(route);
    info.noteCluster(this.#clusterFor(route, head));
    return route;
  }

  #clusterFor(route: Route | null, head: RequestHead): Cluster | null {
    return route?.kind === "cluster" ? this.#clusters(route.clusterFor(head)) : null;
  }

  /** Route-level upgrade_configs win over the connection manager's. */
  allowsUpgrade(type: string, route: Route | null): boolean {
    if (route !== null) for (const upgrade of route.upgrades) if (upgrade.type === type) return upgrade.enabled;
    return this.spec.upgrades[type] ?? false;
  }

  /** Whether a 1xx head of the upstream goes to the client. Envoy: HeaderUtility::isSpecial1xx. */
  passesInterim(head: ResponseHead, request: RequestHead): boolean {
    if (!this.spec.proxy100Continue || head.status > 104) return false;
    this.responsePolicy.applyToInterim(head, request);
    return true;
  }

  mapLocalReply(head: ResponseHead, info: StreamInfo, body: string): MappedReply {
    if (this.#localReplies === null) return { body, contentType: "" };
    return this.#localReplies.map(head, info, body);
  }

  /** A redirect was followed: what comes next is another request. */
  onStreamRestart(info: StreamInfo): void {
    this.stats.onRequestEnd(0, info.end - info.start);
    this.#log(info);
    info.restart();
  }

  onStreamEnd(info: StreamInfo): void {
    this.stats.onRequestEnd(info.responseCode, info.end - info.start);
    this.#log(info);
  }

  #log(info: StreamInfo): void {
    for (let i = 0; i < this.#accessLogs.length; i++) (this.#accessLogs[i] as AccessLog).log(info);
  }
}

const maxIdleStreams = 256;
