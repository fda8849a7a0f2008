import { type CelInput, celMap, celUint } from "@bufbuild/cel";
import { create } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HeaderBlock } from "../../http/header-block.ts";
import { queryOf } from "../../http/query.ts";
import { alternativeNames, rfc2253 } from "../../net/tls/alternative-names.ts";
import type { TlsInfo } from "../../net/tls/tls-info.ts";
import type { NodeFacts } from "../facts.ts";
import { tlsFields } from "../format-tls.ts";
import { anyGrpcStatus, portOf } from "../format-values.ts";
import type { StreamInfo } from "../stream-info.ts";

/** The variables of an expression, each made when it is asked for. Envoy: StreamActivation; the attributes of its documentation. */
export class Attributes {
  readonly #info: StreamInfo;

  constructor(info: StreamInfo) {
    this.#info = info;
  }

  get request(): CelInput {
    return celMap(new AttributeMap(requestAttributes, this.#info));
  }
  get response(): CelInput {
    return celMap(new AttributeMap(responseAttributes, this.#info));
  }
  get source(): CelInput {
    return celMap(new AttributeMap(sourceAttributes, this.#info));
  }
  get destination(): CelInput {
    return celMap(new AttributeMap(destinationAttributes, this.#info));
  }
  get connection(): CelInput {
    return celMap(new AttributeMap(connectionAttributes, this.#info));
  }
  get upstream(): CelInput {
    return celMap(new AttributeMap(upstreamAttributes, this.#info));
  }
  get xds(): CelInput {
    return celMap(new AttributeMap(xdsAttributes, this.#info));
  }
  get metadata(): CelInput {
    return metadataOf(this.#info.dynamicMetadata ?? new Map());
  }
  get filter_state(): CelInput {
    const state = new Map<string, CelInput>();
    for (const [key, object] of this.#info.filterState ?? []) {
      const text = object.text();
      if (text !== null) state.set(key, Buffer.from(text, "latin1"));
    }
    return state;
  }
}

/** undefined: the stream has no such attribute. */
type Attribute = (info: StreamInfo) => CelInput | undefined;
type AttributeTable = Readonly<Record<string, Attribute>>;

/** One group of attributes as a map of CEL. */
class AttributeMap implements ReadonlyMap<string, CelInput> {
  readonly #table: AttributeTable;
  readonly #info: StreamInfo;

  constructor(table: AttributeTable, info: StreamInfo) {
    this.#table = table;
    this.#info = info;
  }

  get(key: string): CelInput | undefined {
    return Object.hasOwn(this.#table, key) ? this.#table[key]?.(this.#info) : undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  get size(): number {
    return [...this.keys()].length;
  }

  *keys(): MapIterator<string> {
    for (const key of Object.keys(this.#table)) if (this.has(key)) yield key;
  }

  *values(): MapIterator<CelInput> {
    for (const key of this.keys()) yield this.get(key) as CelInput;
  }

  *entries(): MapIterator<[string, CelInput]> {
    for (const key of this.keys()) yield [key, this.get(key) as CelInput];
  }

  [Symbol.iterator](): MapIterator<[string, CelInput]> {
    return this.entries();
  }

  forEach(callback: (value: CelInput, key: string, map: ReadonlyMap<string, CelInput>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }
}

/** Header fields as a map of CEL: names in any case, several values joined. Envoy: HeadersWrapper. */
class HeaderMap extends Map<string, CelInput> {
  constructor(head: HeaderBlock) {
    super();
    for (let i = 0; i < head.size; i++) {
      const name = head.names[i] as string;
      const value = text(head.values[i] as string);
      const before = this.get(name);
      this.set(name, before === undefined ? value : `${before as string},${value}`);
    }
  }

  override get(key: string): CelInput | undefined {
    return super.get(typeof key === "string" ? key.toLowerCase() : key);
  }
}

const requestAttributes: AttributeTable = {
  path: ({ request }) => some(request.path),
  url_path: ({ request }) => some(request.path.split("?", 1)[0] as string),
  host: ({ request }) => some(request.authority),
  scheme: ({ request }) => some(request.scheme),
  method: ({ request }) => some(request.method),
  headers: ({ request }) => withPseudo(new HeaderMap(request), request),
  referer: ({ request }) => some(request.find("referer")),
  useragent: ({ request }) => some(request.find("user-agent")),
  id: ({ request }) => some(request.find("x-request-id")),
  time: ({ startTimeMs }) => timestampFromMs(startTimeMs),
  protocol: ({ protocol }) => some(protocol),
  query: ({ request }) => text(queryOf(request.path)),
  duration: ({ start, end }) => durationOf(start, end),
  size: ({ bytesReceived }) => BigInt(bytesReceived),
  total_size: ({ request, bytesReceived }) => BigInt(bytesReceived + request.byteSize()),
};

const responseAttributes: AttributeTable = {
  code: ({ responseCode }) => (responseCode === 0 ? undefined : BigInt(responseCode)),
  code_details: ({ details }) => some(details),
  flags: ({ responseFlags }) => BigInt(responseFlags),
  grpc_status: (info) => (info.response === null ? undefined : BigInt(anyGrpcStatus(info))),
  headers: ({ response }) => (response === null ? new Map() : withStatus(new HeaderMap(response), response.status)),
  trailers: ({ responseTrailers }) => (responseTrailers === null ? new Map() : new HeaderMap(responseTrailers)),
  size: ({ bytesSent }) => BigInt(bytesSent),
  total_size: ({ bytesSent, response, responseTrailersBytes }) =>
    BigInt(bytesSent + (response?.byteSize() ?? 0) + responseTrailersBytes),
  backend_latency: ({ upstreamRequestEnd, upstreamResponseEnd }) => durationOf(upstreamRequestEnd, upstreamResponseEnd),
};

const sourceAttributes: AttributeTable = {
  address: ({ downstreamRemoteAddress }) => some(downstreamRemoteAddress),
  port: ({ downstreamRemoteAddress }) => portValue(downstreamRemoteAddress),
};

const destinationAttributes: AttributeTable = {
  address: ({ downstreamLocalAddress }) => some(downstreamLocalAddress),
  port: ({ downstreamLocalAddress }) => portValue(downstreamLocalAddress),
};

const connectionAttributes: AttributeTable = {
  id: ({ connectionId }) => celUint(BigInt(connectionId)),
  mtls: ({ downstreamTls }) => downstreamTls?.peer !== undefined,
  requested_server_name: ({ requestedServerName }) => requestedServerName,
  transport_failure_reason: ({ downstreamTransportFailureReason }) => some(downstreamTransportFailureReason),
  termination_details: ({ connectionTerminationDetails }) => some(connectionTerminationDetails),
  ...tlsAttributes("DOWNSTREAM", (info) => info.downstreamTls),
};

const upstreamAttributes: AttributeTable = {
  address: ({ upstreamHost }) => some(upstreamHost),
  port: ({ upstreamHost }) => portValue(upstreamHost),
  local_address: ({ upstreamLocalAddress }) => some(upstreamLocalAddress),
  transport_failure_reason: ({ upstreamHost, upstreamTransportFailureReason }) =>
    upstreamHost === "" ? undefined : upstreamTransportFailureReason,
  request_attempt_count: ({ attemptCount }) => celUint(BigInt(attemptCount)),
  locality: ({ upstreamHostFacts: host }) =>
    host === null ? undefined : localityOf(host.locality.region, host.locality.zone, host.locality.subZone),
  cx_pool_ready_duration: ({ start, upstreamRequestStart }) => durationOf(start, upstreamRequestStart),
  ...tlsAttributes("UPSTREAM", (info) => info.upstreamTls),
};

const xdsAttributes: AttributeTable = {
  cluster_name: ({ clusterName }) => some(clusterName),
  cluster_metadata: ({ clusterMetadata }) => metadataOrNone(clusterMetadata),
  route_name: ({ routeName }) => some(routeName),
  route_metadata: ({ routeMetadata }) => metadataOrNone(routeMetadata),
  upstream_host_metadata: ({ upstreamHostFacts: host }) =>
    host === null ? undefined : metadataOf(host.metadata ?? {}),
  filter_chain_name: ({ filterChainName }) => filterChainName,
  listener_metadata: ({ listener }) => metadataOrNone(listener.metadata),
  listener_direction: ({ listener }) => BigInt(listener.direction),
  node: ({ listener }) => nodeOf(listener.node),
  virtual_host_name: ({ virtualHostName }) => some(virtualHostName),
  virtual_host_metadata: ({ virtualHostMetadata }) => metadataOrNone(virtualHostMetadata),
};

function tlsAttributes(prefix: string, side: (info: StreamInfo) => TlsInfo | null): AttributeTable {
  const field = (name: string): Attribute => {
    const read = tlsFields[`${prefix}_${name}`];
    return (info) => read?.(info) ?? undefined;
  };
  const san = (owner: "peer" | "own", type: string): Attribute => {
    return (info) => {
      const certificate = side(info)?.[owner];
      return certificate && alternativeNames(certificate).find((name) => name.type === type)?.value;
    };
  };
  return {
    tls_version: field("TLS_VERSION"),
    subject_local_certificate: (info) => rfc2253(side(info)?.own?.subject) || undefined,
    subject_peer_certificate: (info) => rfc2253(side(info)?.peer?.subject) || undefined,
    dns_san_local_certificate: san("own", "DNS"),
    dns_san_peer_certificate: san("peer", "DNS"),
    uri_san_local_certificate: san("own", "URI"),
    uri_san_peer_certificate: san("peer", "URI"),
    sha256_peer_certificate_digest: field("PEER_FINGERPRINT_256"),
  };
}

function metadataOf(metadata: Map<string, unknown> | Record<string, unknown>): CelInput {
  const fields = metadata instanceof Map ? metadata : new Map(Object.entries(metadata));
  return new Map<string, CelInput>([["filter_metadata", fields as Map<string, CelInput>]]);
}

function metadataOrNone(metadata: Record<string, unknown> | null): CelInput | undefined {
  return metadata === null ? undefined : metadataOf(metadata);
}

function localityOf(region: string, zone: string, subZone: string): CelInput {
  return new Map([
    ["region", region],
    ["zone", zone],
    ["sub_zone", subZone],
  ]);
}

function nodeOf({ id = "", cluster = "", metadata = {}, locality, user_agent_name = "" }: NodeFacts): CelInput {
  const node = new Map<string, CelInput>([
    ["id", id],
    ["cluster", cluster],
    ["metadata", new Map(Object.entries(metadata)) as Map<string, CelInput>],
    ["user_agent_name", user_agent_name],
  ]);
  if (locality !== undefined) {
    node.set("locality", localityOf(locality.region ?? "", locality.zone ?? "", locality.sub_zone ?? ""));
  }
  return node;
}

function withPseudo(map: HeaderMap, request: StreamInfo["request"]): HeaderMap {
  map.set(":method", text(request.method));
  map.set(":path", text(request.path));
  map.set(":authority", text(request.authority));
  map.set(":scheme", text(request.scheme));
  return map;
}

function withStatus(map: HeaderMap, status: number): HeaderMap {
  return map.set(":status", String(status));
}

function some(value: string | null): string | undefined {
  return value === null || value === "" ? undefined : text(value);
}

/** What a head holds, one character a byte, as the text that it is in UTF-8. */
function text(value: string): string {
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 0x7f) return Buffer.from(value, "latin1").toString("utf8");
  }
  return value;
}

function portValue(address: string): bigint | undefined {
  const port = portOf(address);
  return port === null ? undefined : BigInt(port);
}

function durationOf(from: number, to: number): Duration | undefined {
  if (from < 0 || to < 0) return undefined;
  const nanos = Math.round((to - from) * 1e6);
  return create(DurationSchema, { seconds: BigInt(Math.floor(nanos / 1e9)), nanos: nanos % 1e9 });
}
