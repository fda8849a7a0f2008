import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { unpackExtension } from "../../proto/any.ts";
import type { TransportSocket } from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import type { Secrets, TlsContextSpec, TlsContexts } from "./contexts.ts";
import { parseDownstreamTls, parseUpstreamTls } from "./parse-tls.ts";
import { createClientContext, ServerTls } from "./secure-context.ts";
import type { DownstreamTlsSpec, UpstreamTlsSpec } from "./spec.ts";

/** A filter chain's transport socket; null for plain text, and after a fault. `owner` is the listener's stat prefix. */
export function parseDownstreamTransportSocket(
  message: TransportSocket | undefined,
  problems: Problems,
  contexts: TlsContexts,
  owner: string,
): TlsContextSpec<DownstreamTlsSpec> | null {
  return parse(message, problems, contexts, {
    schema: DownstreamTlsContextSchema,
    side: "server",
    owner,
    parse: parseDownstreamTls,
    link: (spec) => new ServerTls(spec, [], null),
  });
}

/** A cluster's transport socket; null for plain text, and after a fault. `owner` is the cluster's stat prefix. */
export function parseUpstreamTransportSocket(
  message: TransportSocket | undefined,
  problems: Problems,
  contexts: TlsContexts,
  owner: string,
): TlsContextSpec<UpstreamTlsSpec> | null {
  return parse(message, problems, contexts, {
    schema: UpstreamTlsContextSchema,
    side: "client",
    owner,
    parse: parseUpstreamTls,
    link: createClientContext,
  });
}

interface Side<Desc extends DescMessage, Spec extends DownstreamTlsSpec | UpstreamTlsSpec> {
  schema: Desc;
  side: "server" | "client";
  owner: string;
  parse(message: MessageShape<Desc>, secrets: Secrets, problems: Problems): Spec | null;
  /** Throws what OpenSSL says. */
  link(spec: Spec): unknown;
}

function parse<Desc extends DescMessage, Spec extends DownstreamTlsSpec | UpstreamTlsSpec>(
  message: TransportSocket | undefined,
  problems: Problems,
  contexts: TlsContexts,
  side: Side<Desc, Spec>,
): TlsContextSpec<Spec> | null {
  if (message === undefined) return null;
  const unpacked = unpackExtension(message.name, message.configType.value, problems, "typed_config");
  if (unpacked === null || unpacked.desc.typeName === rawBuffer) return null;
  if (unpacked.desc.typeName !== side.schema.typeName) {
    problems.error("typed_config", `the transport socket ${unpacked.desc.typeName} is not implemented in Nuncio yet`);
    return null;
  }
  const read = (secrets: Secrets, scope: Problems): Spec | null => {
    const before = scope.errorCount;
    const spec = side.parse(unpacked.message as MessageShape<Desc>, secrets, scope);
    if (spec === null || scope.errorCount > before) return null;
    try {
      // Linking must not fail in a worker: what OpenSSL refuses is refused here.
      side.link(spec);
      return spec;
    } catch (error) {
      scope.error(
        "common_tls_context",
        `OpenSSL refuses it: ${error instanceof Error ? error.message : String(error)}`,
      );
      return null;
    }
  };
  const before = problems.errorCount;
  const context = contexts.open(read, problems.at("typed_config"), side.owner, side.side);
  return problems.errorCount > before ? null : context;
}

const rawBuffer = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
