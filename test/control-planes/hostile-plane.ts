import { randomUUID } from "node:crypto";
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, fromBinary, fromJson, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../src/proto/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { typeRegistry } from "../../src/proto/type-registry.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";
import { apiSource, xdsCluster } from "./control-plane.ts";
import { type Resource, TestResources } from "./test-resources.ts";

/** What a client said of a type. */
export interface Told {
  typeUrl: string;
  nonce: string;
  error: string;
}

/** A resource as it goes out: with its name for delta. */
export interface Sent {
  name: string;
  any: Any;
}

/** A control plane by ADS that can do anything to its clients. Between that it is a good one: it sends its snapshot to whoever asks. */
export class HostilePlane {
  readonly isDelta: boolean;
  readonly told: Told[] = [];
  /** Of all streams. */
  streamCount = 0;
  /** The next streams are not answered as gRPC; null: they are. */
  refuse: ((stream: ServerHttp2Stream) => void) | null = null;
  #snapshot: readonly Sent[] = [];
  #version = "";
  #stream: ServerHttp2Stream | null = null;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #server: Http2Server;
  readonly #ever = new Set<string>();
  /** Types, with the names of the last request. */
  readonly #asked = new Map<string, readonly string[]>();

  constructor(isDelta: boolean) {
    this.isDelta = isDelta;
    this.#server = createServer();
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      session.on("error", () => {});
    });
    this.#server.on("stream", (stream: ServerHttp2Stream) => this.#onStream(stream));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve()));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
  }

  /** Changes the snapshot and sends it. */
  publish(version: string, resources: readonly Resource[]): void {
    this.#version = version;
    this.#snapshot = resources.map(sent);
    for (const typeUrl of this.#asked.keys()) this.#sendSnapshot(typeUrl);
  }

  /** The bytes of a response. */
  response(typeUrl: string, version: string, resources: readonly Sent[], nonce: string = randomUUID()): Uint8Array {
    if (!this.isDelta) {
      const list = resources.map(({ any }) => any);
      return toBinary(
        DiscoveryResponseSchema,
        create(DiscoveryResponseSchema, { typeUrl, versionInfo: version, nonce, resources: list }),
      );
    }
    const list = resources.map(({ name, any }) => ({ name, version, resource: any }));
    return toBinary(
      DeltaDiscoveryResponseSchema,
      create(DeltaDiscoveryResponseSchema, { typeUrl, systemVersionInfo: version, nonce, resources: list }),
    );
  }

  /** One message, whole. */
  send(message: Uint8Array): void {
    this.raw(frame(message));
  }

  raw(bytes: Uint8Array): void {
    if (this.#stream !== null && !this.#stream.destroyed) this.#stream.write(bytes);
  }

  /** Sends a header of gRPC trailers, or resets the stream with an HTTP/2 code. */
  endStream(): void {
    this.#stream?.end();
  }

  resetStream(code: number): void {
    this.#stream?.close(code);
  }

  goAway(): void {
    for (const session of this.#sessions) session.goaway();
  }

  destroySessions(): void {
    for (const session of this.#sessions) session.destroy();
  }

  /** Whether a resource was ever asked for by its name. */
  hasAsked(typeUrl: string, name: string): boolean {
    return this.#ever.has(`${typeUrl} ${name}`);
  }

  /** Those of the last request for a type. */
  names(typeUrl: string): readonly string[] {
    return this.#asked.get(typeUrl) ?? [];
  }

  /** Texts of NACKs. */
  get nacks(): string[] {
    return this.told.flatMap(({ error }) => (error === "" ? [] : [error]));
  }

  #onStream(stream: ServerHttp2Stream): void {
    this.streamCount++;
    stream.on("error", () => {});
    if (this.refuse !== null) {
      this.refuse(stream);
      return;
    }
    this.#stream = stream;
    this.#asked.clear();
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "14", "grpc-message": "gone" }));
    let bytes = Buffer.alloc(0);
    stream.on("data", (data: Buffer) => {
      bytes = Buffer.concat([bytes, data]);
      while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
        const end = 5 + bytes.readUInt32BE(1);
        this.#onRequest(bytes.subarray(5, end));
        bytes = bytes.subarray(end);
      }
    });
  }

  #onRequest(bytes: Uint8Array): void {
    const request = this.isDelta
      ? fromBinary(DeltaDiscoveryRequestSchema, bytes)
      : fromBinary(DiscoveryRequestSchema, bytes);
    const { typeUrl, responseNonce: nonce, errorDetail } = request;
    this.told.push({ typeUrl, nonce, error: errorDetail?.message ?? "" });
    const known = this.#asked.get(typeUrl);
    const names = "resourceNames" in request ? request.resourceNames : request.resourceNamesSubscribe;
    const isNews = names.some((name) => this.isDelta || known?.includes(name) !== true);
    this.#asked.set(typeUrl, names);
    for (const name of names) this.#ever.add(`${typeUrl} ${name}`);
    if (known !== undefined && !isNews) return;
    this.#sendSnapshot(typeUrl);
  }

  #sendSnapshot(typeUrl: string): void {
    const resources = this.#snapshot.filter(({ any }) => any.typeUrl === typeUrl);
    if (resources.length > 0) this.send(this.response(typeUrl, this.#version, resources));
  }
}

/** A resource in JSON as it goes out. */
export function sent(resource: Resource): Sent {
  const any = fromJson(AnySchema, resource as Parameters<typeof fromJson>[1], { registry: typeRegistry });
  return { name: String(resource.name ?? resource.cluster_name), any };
}

/** With gRPC's five bytes in front. */
export function frame(message: Uint8Array, flags = 0, length = message.length): Uint8Array {
  const bytes = Buffer.alloc(5 + message.length);
  bytes[0] = flags;
  bytes.writeUInt32BE(length, 1);
  bytes.set(message, 5);
  return bytes;
}

/** A listener and a cluster whose routes and endpoints never come. */
export function sendNever(plane: HostilePlane, port: number): void {
  const never = {
    rds: {
      route_config_name: "never",
      config_source: { ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" },
    },
  };
  plane.send(plane.response(lds, "x", adsResources.listeners([["main", port]], "x", [], never).map(sent)));
  const waiting = adsResources.clusters(["app"]).map((cluster) => ({
    ...cluster,
    eds_cluster_config: { ...(cluster.eds_cluster_config as object), service_name: "never" },
  }));
  plane.send(plane.response(cds, "x", waiting.map(sent)));
}

/** With all its config by ADS. `binary` null: Nuncio. */
export function startAds(planePort: number, apiType: string, binary: string | null): Promise<Nuncio> {
  return startNuncio({
    backendPort: 0,
    args: ["--concurrency", "1"],
    ...(binary === null ? {} : { binary }),
    bootstrap: {
      node: { id: "nuncio", cluster: "test" },
      static_resources: { clusters: [xdsCluster(planePort)] },
      dynamic_resources: { ...(adsResources.bootstrap(0).dynamic_resources as object), ads_config: apiSource(apiType) },
    },
  });
}

const type = (name: string) => `type.googleapis.com/envoy.config.${name}`;
export const [lds, rds, cds, eds] = [
  type("listener.v3.Listener"),
  type("route.v3.RouteConfiguration"),
  type("cluster.v3.Cluster"),
  type("endpoint.v3.ClusterLoadAssignment"),
];
/** All by ADS. */
export const adsResources = new TestResources(() => ({
  ads: {},
  resource_api_version: "V3",
  initial_fetch_timeout: "0s",
}));
