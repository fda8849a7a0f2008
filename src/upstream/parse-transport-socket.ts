import { parseProxyHeader } from "../net/parse-proxy-header.ts";
import type { TlsContexts } from "../net/tls/contexts.ts";
import { parseUpstreamTransportSocket } from "../net/tls/parse-transport-socket.ts";
import { innerTypeUrl, unpackExtension } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import type { TransportSocket } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type ProxyProtocolUpstreamTransport,
  ProxyProtocolUpstreamTransportSchema,
} from "../proto/generated/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { typeNameOf } from "../proto/type-registry.ts";
import type { UpstreamSocketSpec } from "./spec.ts";

/** A transport socket of a cluster: TLS or plain text, behind a PROXY header or not. `owner` is the cluster's stat prefix. */
export function parseTransportSocket(
  message: TransportSocket | undefined,
  problems: Problems,
  contexts: TlsContexts,
  owner: string,
): UpstreamSocketSpec {
  const any = message?.configType.value;
  const isProxied =
    any !== undefined && typeNameOf(innerTypeUrl(any)) === ProxyProtocolUpstreamTransportSchema.typeName;
  if (!isProxied) return { tls: parseUpstreamTransportSocket(message, problems, contexts, owner), proxyHeader: null };
  const unpacked = unpackExtension(message?.name ?? "", any, problems, "typed_config");
  if (unpacked === null) return { tls: null, proxyHeader: null };
  const proxied = unpacked.message as ProxyProtocolUpstreamTransport;
  const scope = problems.at("typed_config").at(unpacked.innerPath);
  checkCoverage(ProxyProtocolUpstreamTransportSchema, proxied, scope, {
    honoured: ["config", "transport_socket"],
    // Envoy does not read them either.
    harmless: ["allow_unspecified_address", "tlv_as_pool_key"],
  });
  return {
    tls: parseUpstreamTransportSocket(proxied.transportSocket, scope.at("transport_socket"), contexts, owner),
    proxyHeader: parseProxyHeader(proxied.config, scope.at("config")),
  };
}
