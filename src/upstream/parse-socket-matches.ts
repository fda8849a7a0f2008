import { isDeepStrictEqual } from "node:util";
import type { TlsContexts } from "../net/tls/contexts.ts";
import { checkCoverage } from "../proto/coverage.ts";
import {
  type Cluster_TransportSocketMatch,
  Cluster_TransportSocketMatchSchema,
} from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { Metadata } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseTransportSocket } from "./parse-transport-socket.ts";
import type { SocketMatchSpec } from "./spec.ts";

/** The index of an endpoint's transport socket by its metadata and its locality's; -1 for the cluster's own. */
export type SocketChoice = (endpoint: Metadata | undefined, locality: Metadata | undefined) => number;

/** transport_socket_matches to their Specs. `owner` is the cluster's stat prefix. */
export function parseSocketMatches(
  messages: readonly Cluster_TransportSocketMatch[],
  problems: Problems,
  contexts: TlsContexts,
  owner: string,
): SocketMatchSpec[] {
  return messages.map((message, i) => {
    const scope = problems.at(`transport_socket_matches[${i}]`);
    checkCoverage(Cluster_TransportSocketMatchSchema, message, scope, {
      honoured: ["name", "match", "transport_socket"],
      harmless: [],
    });
    const socket = parseTransportSocket(message.transportSocket, scope.at("transport_socket"), contexts, owner);
    return { name: message.name, ...socket };
  });
}

/** The first whose fields are all in the metadata, the endpoint's before its locality's. Envoy: TransportSocketMatcherImpl. */
export function socketChoice(messages: readonly Cluster_TransportSocketMatch[]): SocketChoice {
  if (messages.length === 0) return () => -1;
  const wanted = messages.map((message) => Object.entries(message.match ?? {}));
  const find = (metadata: Metadata | undefined) => {
    const fields = metadata?.filterMetadata[metadataKey];
    if (fields === undefined) return -1;
    return wanted.findIndex((match) => match.every(([key, value]) => isDeepStrictEqual(fields[key], value)));
  };
  return (endpoint, locality) => {
    const own = find(endpoint);
    if (own >= 0) return own;
    const inLocality = find(locality);
    return inLocality >= 0 ? inLocality : wanted.findIndex((match) => match.length === 0);
  };
}

const metadataKey = "envoy.transport_socket_match";
