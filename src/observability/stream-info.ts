import { ByteCounts } from "../http/byte-counts.ts";
import type { HeaderBlock } from "../http/header-block.ts";
import { RequestHead, type ResponseHead } from "../http/header-block.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";
import { type HostFacts, type ListenerFacts, noListener } from "./facts.ts";
import type { FilterStateObject } from "./filter-state.ts";
import type { LocalReply } from "./local-replies.ts";

/** The host that a filter has a request go to. Envoy: LoadBalancerContext::OverrideHost. */
export interface OverrideHost {
  /** "ip:port" or the path. */
  readonly address: string;
  /** Where it is not there, or not in a state to be asked, the request fails; else another host is chosen. */
  readonly isStrict: boolean;
  /** What it fails with. */
  readonly missingReply: LocalReply;
}

/** What is known of one stream: read by access logs, formatters, matchers and filters. Reused: reset() makes it new. */
export class StreamInfo {
  /** As the filters left it; :path is the current (rewritten) one. */
  request: RequestHead = emptyRequest;
  /** null before a response head. */
  response: ResponseHead | null = null;
  responseTrailers: HeaderBlock | null = null;
  /** "HTTP/1.0", "HTTP/1.1", "HTTP/2"; "" before a head. */
  protocol = "";
  upstreamProtocol = "";
  /** Wall clock, milliseconds (fraction kept). */
  startTimeMs = 0;
  /** Monotonic milliseconds; the others of this group too, -1 when that point was not reached. */
  start = 0;
  requestEnd = -1;
  upstreamConnected = -1;
  upstreamRequestStart = -1;
  upstreamRequestEnd = -1;
  upstreamResponseStart = -1;
  upstreamResponseEnd = -1;
  responseStart = -1;
  responseEnd = -1;
  end = -1;
  /** Body bytes. */
  bytesReceived = 0;
  bytesSent = 0;
  responseTrailersBytes = 0;
  readonly downstreamBytes: ByteCounts = new ByteCounts();
  /** Of all attempts together. */
  readonly upstreamBytes: ByteCounts = new ByteCounts();
  /** 0: no response was begun. */
  responseCode = 0;
  /** Bits of ResponseFlag. */
  responseFlags = 0;
  /** Envoy's RESPONSE_CODE_DETAILS; "" for none. */
  details = "";
  connectionTerminationDetails = "";
  routeName = "";
  virtualHostName = "";
  virtualClusterName = "";
  clusterName = "";
  /** "ip:port" forms; "" for none. */
  upstreamHost = "";
  upstreamHostName = "";
  upstreamLocalAddress = "";
  upstreamTransportFailureReason = "";
  upstreamConnectionId = 0;
  attemptCount = 0;
  /** Of the first attempt; null for none. */
  overrideHost: OverrideHost | null = null;
  /** How many redirects of upstreams were followed. */
  internalRedirects = 0;
  /** previous_routes: "from\0to" by route name; null without any. */
  redirectSteps: Set<string> | null = null;
  /** After PROXY protocol; the direct ones are the socket's. */
  downstreamLocalAddress = "";
  downstreamDirectLocalAddress = "";
  /** After XFF and PROXY protocol. */
  downstreamRemoteAddress = "";
  downstreamDirectRemoteAddress = "";
  /** What an upstream PROXY header says of the connection; null before there is one. */
  downstreamSource: ProxiedAddresses | null = null;
  /** After PROXY protocol alone: the same for all requests of a connection. */
  downstreamConnectionAddress = "";
  /** Envoy's LocalCloseReasons; "" where the client closed. Of a connection only, as the next one. */
  downstreamLocalCloseReason = "";
  isDownstreamReset = false;
  /** Of the connections below and above; null for plain text. */
  downstreamTls: TlsInfo | null = null;
  upstreamTls: TlsInfo | null = null;
  connectionId = 0;
  streamId = "";
  filterChainName = "";
  listener: ListenerFacts = noListener;
  isHealthCheck = false;
  /** Filter name to a JSON-like value, null until a filter writes. */
  dynamicMetadata: Map<string, Record<string, unknown>> | null = null;
  routeMetadata: Record<string, Record<string, unknown>> | null = null;
  /** By key, null until a filter writes. */
  filterState: Map<string, FilterStateObject> | null = null;
  /** Body of the proxy's own reply, for %LOCAL_REPLY_BODY%. */
  localReplyBody = "";
  /** %UNIQUE_ID%, made when first asked for. */
  uniqueId = "";
  /** How often a route was looked for: again after a filter cleared it. */
  routeResolutionCount = 0;
  /** Which moment an access log is written for; the end of the stream unless said otherwise. */
  accessLogType = "DownstreamEnd";
  /** By SNI, of a connection that never became TLS. */
  unservedServerName = "";
  downstreamTransportFailureReason = "";
  upstreamLocalCloseReason = "";
  /** filter_metadata of the cluster and the virtual host; null for none. */
  clusterMetadata: Record<string, Record<string, unknown>> | null = null;
  virtualHostMetadata: Record<string, Record<string, unknown>> | null = null;
  /** The chosen host; null for none. */
  upstreamHostFacts: HostFacts | null = null;

  /** By SNI; "" for none. */
  get requestedServerName(): string {
    return this.downstreamTls?.serverName ?? this.unservedServerName;
  }

  /** null: no route takes it. */
  noteRoute(
    route: { name: string; metadata: Metadata; virtualHost: { name: string; metadata: Metadata } } | null,
  ): void {
    this.routeName = route?.name ?? "";
    this.routeMetadata = route?.metadata ?? null;
    this.virtualHostName = route?.virtualHost.name ?? "";
    this.virtualHostMetadata = route?.virtualHost.metadata ?? null;
  }

  /** The cluster that the stream goes to, or would go to; null for none. */
  noteCluster(cluster: { observabilityName: string; metadata: Metadata } | null): void {
    this.clusterName = cluster?.observabilityName ?? "";
    this.clusterMetadata = cluster?.metadata ?? null;
  }

  noteResponse(head: ResponseHead): void {
    this.response = head;
    this.responseCode = head.status;
  }

  /** Adds to what filters say of the stream under a name; fields of before with the same names go. */
  addMetadata(namespace: string, fields: Record<string, unknown> | null): void {
    this.dynamicMetadata ??= new Map();
    this.dynamicMetadata.set(namespace, { ...this.dynamicMetadata.get(namespace), ...fields });
  }

  /** The request goes on as another one: what came of it stays. Envoy: StreamInfoImpl::setFromForRecreateStream. */
  restart(): void {
    const { requestEnd, bytesReceived, downstreamRemoteAddress, internalRedirects, redirectSteps } = this;
    const lasting = [...(this.filterState ?? [])].filter(([, object]) => object.isOfRequest);
    this.#resetPass();
    if (lasting.length > 0) this.filterState = new Map(lasting);
    this.requestEnd = requestEnd;
    this.bytesReceived = bytesReceived;
    this.downstreamRemoteAddress = downstreamRemoteAddress;
    this.internalRedirects = internalRedirects;
    this.redirectSteps = redirectSteps;
  }

  reset(): void {
    this.downstreamBytes.reset();
    this.#resetPass();
  }

  #resetPass(): void {
    this.request = emptyRequest;
    this.response = null;
    this.responseTrailers = null;
    this.protocol = "";
    this.upstreamProtocol = "";
    this.startTimeMs = 0;
    this.start = 0;
    this.requestEnd = -1;
    this.upstreamConnected = -1;
    this.upstreamRequestStart = -1;
    this.upstreamRequestEnd = -1;
    this.upstreamResponseStart = -1;
    this.upstreamResponseEnd = -1;
    this.responseStart = -1;
    this.responseEnd = -1;
    this.end = -1;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.responseTrailersBytes = 0;
    this.upstreamBytes.reset();
    this.responseCode = 0;
    this.responseFlags = 0;
    this.details = "";
    this.connectionTerminationDetails = "";
    this.routeName = "";
    this.virtualHostName = "";
    this.virtualClusterName = "";
    this.clusterName = "";
    this.upstreamHost = "";
    this.upstreamHostName = "";
    this.upstreamLocalAddress = "";
    this.upstreamTransportFailureReason = "";
    this.upstreamConnectionId = 0;
    this.attemptCount = 0;
    this.overrideHost = null;
    this.internalRedirects = 0;
    this.redirectSteps = null;
    this.downstreamLocalAddress = "";
    this.downstreamDirectLocalAddress = "";
    this.downstreamRemoteAddress = "";
    this.downstreamDirectRemoteAddress = "";
    this.downstreamSource = null;
    this.downstreamConnectionAddress = "";
    this.downstreamLocalCloseReason = "";
    this.isDownstreamReset = false;
    this.downstreamTls = null;
    this.upstreamTls = null;
    this.connectionId = 0;
    this.streamId = "";
    this.filterChainName = "";
    this.listener = noListener;
    this.isHealthCheck = false;
    this.dynamicMetadata = null;
    this.routeMetadata = null;
    this.filterState = null;
    this.localReplyBody = "";
    this.uniqueId = "";
    this.routeResolutionCount = 0;
    this.accessLogType = "DownstreamEnd";
    this.unservedServerName = "";
    this.downstreamTransportFailureReason = "";
    this.upstreamLocalCloseReason = "";
    this.clusterMetadata = null;
    this.upstreamHostFacts = null;
    this.virtualHostMetadata = null;
  }
}

type Metadata = Record<string, Record<string, unknown>> | null;

const emptyRequest = new RequestHead();
