import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { durationMs } from "../proto/duration.ts";
import type { Node } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
  type Resource,
  ResourceSchema,
} from "../proto/generated/envoy/service/discovery/v3/discovery_pb.ts";
import type { DueRequest } from "./request-queue.ts";
import type { XdsSubscription, XdsUpdate } from "./subscription.ts";

/** A response of either variant. */
export interface XdsResponse {
  typeUrl: string;
  nonce: string;
  /** control_plane.identifier */
  controlPlane: string;
  update: XdsUpdate;
}

/** A variant of the protocol: how requests are written and responses read. */
export interface XdsProtocol {
  /** The next request for a type. `refusal`: "" accepts a response, else it is the NACK's text; null answers none. `node` where it must be told. */
  request({ subscription, refusal, nonce }: DueRequest, node: Node | undefined): Uint8Array;
  /** Throws on bytes that are no response. */
  response(bytes: Uint8Array): XdsResponse;
  /** Notes an accepted response. */
  accept(subscription: XdsSubscription, update: XdsUpdate): void;
}

/** State of the world: each request names all, each response of a wildcard type holds all. */
export const sotwProtocol: XdsProtocol = {
  request({ subscription, refusal, nonce }, node) {
    subscription.toSubscribe.clear();
    subscription.toUnsubscribe.clear();
    return toBinary(
      DiscoveryRequestSchema,
      create(DiscoveryRequestSchema, {
        versionInfo: subscription.version,
        typeUrl: subscription.typeUrl,
        responseNonce: nonce,
        resourceNames: subscription.isWildcard ? [] : [...subscription.names],
        ...(node === undefined ? {} : { node }),
        ...errorDetail(refusal),
      }),
    );
  },
  response(bytes) {
    const message = fromBinary(DiscoveryResponseSchema, bytes);
    return {
      typeUrl: message.typeUrl,
      nonce: message.nonce,
      controlPlane: message.controlPlane?.identifier ?? "",
      update: sotwUpdate(message),
    };
  },
  accept(subscription, update) {
    subscription.version = update.version;
  },
};

/** What a response says. */
export function sotwUpdate({ versionInfo, resources }: DiscoveryResponse): XdsUpdate {
  return {
    version: versionInfo,
    removed: [],
    isWholeState: true,
    resources: resources.map((value) => {
      if (value.typeUrl === wrapperType) return unwrap(fromBinary(ResourceSchema, value.value));
      return { name: "", aliases: [], version: versionInfo, value, ttlMs: null };
    }),
  };
}

/** Delta: requests and responses name what changed. */
export const deltaProtocol: XdsProtocol = {
  request({ subscription, refusal, nonce }, node) {
    const isFirst = !subscription.isRequested;
    // All of a type is what an empty first request asks for; where it names some, all must be said.
    const all = isFirst && subscription.isWildcard && subscription.toSubscribe.size > 0 ? ["*"] : [];
    const message = create(DeltaDiscoveryRequestSchema, {
      typeUrl: subscription.typeUrl,
      responseNonce: refusal === null ? "" : nonce,
      resourceNamesSubscribe: [...all, ...subscription.toSubscribe],
      resourceNamesUnsubscribe: [...subscription.toUnsubscribe],
      initialResourceVersions: isFirst ? Object.fromEntries(subscription.versions) : {},
      ...(node === undefined ? {} : { node }),
      ...errorDetail(refusal),
    });
    subscription.toSubscribe.clear();
    subscription.toUnsubscribe.clear();
    return toBinary(DeltaDiscoveryRequestSchema, message);
  },
  response(bytes) {
    const message = fromBinary(DeltaDiscoveryResponseSchema, bytes);
    return {
      typeUrl: message.typeUrl,
      nonce: message.nonce,
      controlPlane: message.controlPlane?.identifier ?? "",
      update: {
        version: message.systemVersionInfo,
        removed: message.removedResources,
        isWholeState: false,
        resources: message.resources.map(unwrap),
      },
    };
  },
  accept(subscription, update) {
    for (const { name, version, value } of update.resources)
      if (value !== null) subscription.versions.set(name, version);
    for (const name of update.removed) subscription.versions.delete(name);
  },
};

function unwrap({ name, aliases, version, resource, ttl }: Resource): XdsUpdate["resources"][number] {
  return { name, aliases, version, value: resource ?? null, ttlMs: ttl === undefined ? null : durationMs(ttl) };
}

function errorDetail(refusal: string | null): { errorDetail?: { code: number; message: string } } {
  return refusal === null || refusal === "" ? {} : { errorDetail: { code: invalidArgument, message: refusal } };
}

const wrapperType = "type.googleapis.com/envoy.service.discovery.v3.Resource";
/** google.rpc.Code */
const invalidArgument = 3;
