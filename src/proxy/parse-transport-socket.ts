import { parseDownstreamTls } from "../net/tls/parse-tls.ts";
import { ServerTls } from "../net/tls/secure-context.ts";
import type { DownstreamTlsSpec } from "../net/tls/spec.ts";
import { unpackExtension } from "../proto/any.ts";
import type { TransportSocket } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type DownstreamTlsContext,
  DownstreamTlsContextSchema,
} from "../proto/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { Problems } from "../proto/problems.ts";

/** A filter chain's transport socket; null for plain text, and after a fault. */
export function parseTransportSocket(
  message: TransportSocket | undefined,
  problems: Problems,
): DownstreamTlsSpec | null {
  if (message === undefined) return null;
  const unpacked = unpackExtension(message.name, message.configType.value, problems, "typed_config");
  if (unpacked === null || unpacked.desc.typeName === rawBuffer) return null;
  if (unpacked.desc.typeName !== DownstreamTlsContextSchema.typeName) {
    problems.error("typed_config", `the transport socket ${unpacked.desc.typeName} is not implemented in Nuncio yet`);
    return null;
  }
  const scope = problems.at("typed_config");
  const before = problems.errorCount;
  const spec = parseDownstreamTls(unpacked.message as DownstreamTlsContext, scope);
  if (problems.errorCount > before) return null;
  try {
    // Linking must not fail in a worker: what OpenSSL refuses is refused here.
    new ServerTls(spec);
    return spec;
  } catch (error) {
    scope.error("common_tls_context", `OpenSSL refuses it: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

const rawBuffer = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
