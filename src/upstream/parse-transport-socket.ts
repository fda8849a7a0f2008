import { parseUpstreamTls } from "../net/tls/parse-tls.ts";
import { createClientContext } from "../net/tls/secure-context.ts";
import type { UpstreamTlsSpec } from "../net/tls/spec.ts";
import { unpackExtension } from "../proto/any.ts";
import type { TransportSocket } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type UpstreamTlsContext,
  UpstreamTlsContextSchema,
} from "../proto/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { Problems } from "../proto/problems.ts";

/** A cluster's transport socket; null for plain text, and after a fault. */
export function parseTransportSocket(message: TransportSocket | undefined, problems: Problems): UpstreamTlsSpec | null {
  if (message === undefined) return null;
  const unpacked = unpackExtension(message.name, message.configType.value, problems, "typed_config");
  if (unpacked === null || unpacked.desc.typeName === rawBuffer) return null;
  if (unpacked.desc.typeName !== UpstreamTlsContextSchema.typeName) {
    problems.error("typed_config", `the transport socket ${unpacked.desc.typeName} is not implemented in Nuncio yet`);
    return null;
  }
  const scope = problems.at("typed_config");
  const before = problems.errorCount;
  const spec = parseUpstreamTls(unpacked.message as UpstreamTlsContext, scope);
  if (problems.errorCount > before) return null;
  try {
    // Linking must not fail in a worker: what OpenSSL refuses is refused here.
    createClientContext(spec);
    return spec;
  } catch (error) {
    scope.error("common_tls_context", `OpenSSL refuses it: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

const rawBuffer = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
