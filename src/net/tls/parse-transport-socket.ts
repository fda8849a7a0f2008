import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { unpackExtension } from "../../proto/any.ts";
import type { TransportSocket } from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseDownstreamTls, parseUpstreamTls } from "./parse-tls.ts";
import { createClientContext, ServerTls } from "./secure-context.ts";
import type { DownstreamTlsSpec, UpstreamTlsSpec } from "./spec.ts";

/** A filter chain's transport socket; null for plain text, and after a fault. */
export function parseDownstreamTransportSocket(
  message: TransportSocket | undefined,
  problems: Problems,
): DownstreamTlsSpec | null {
  return parse(message, problems, {
    schema: DownstreamTlsContextSchema,
    parse: parseDownstreamTls,
    link: (spec) => new ServerTls(spec),
  });
}

/** A cluster's transport socket; null for plain text, and after a fault. */
export function parseUpstreamTransportSocket(
  message: TransportSocket | undefined,
  problems: Problems,
): UpstreamTlsSpec | null {
  return parse(message, problems, {
    schema: UpstreamTlsContextSchema,
    parse: parseUpstreamTls,
    link: createClientContext,
  });
}

interface Side<Desc extends DescMessage, Spec> {
  schema: Desc;
  parse(message: MessageShape<Desc>, problems: Problems): Spec;
  /** Throws what OpenSSL says. */
  link(spec: Spec): unknown;
}

function parse<Desc extends DescMessage, Spec>(
  message: TransportSocket | undefined,
  problems: Problems,
  side: Side<Desc, Spec>,
): Spec | null {
  if (message === undefined) return null;
  const unpacked = unpackExtension(message.name, message.configType.value, problems, "typed_config");
  if (unpacked === null || unpacked.desc.typeName === rawBuffer) return null;
  if (unpacked.desc.typeName !== side.schema.typeName) {
    problems.error("typed_config", `the transport socket ${unpacked.desc.typeName} is not implemented in Nuncio yet`);
    return null;
  }
  const scope = problems.at("typed_config");
  const before = problems.errorCount;
  const spec = side.parse(unpacked.message as MessageShape<Desc>, scope);
  if (problems.errorCount > before) return null;
  try {
    // Linking must not fail in a worker: what OpenSSL refuses is refused here.
    side.link(spec);
    return spec;
  } catch (error) {
    scope.error("common_tls_context", `OpenSSL refuses it: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

const rawBuffer = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
