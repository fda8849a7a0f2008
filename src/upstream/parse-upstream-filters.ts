import type { TlsContexts } from "../net/tls/contexts.ts";
import { unpackAs } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import { CredentialInjectorSchema } from "../proto/generated/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.ts";
import { UpstreamCodecSchema } from "../proto/generated/envoy/extensions/filters/http/upstream_codec/v3/upstream_codec_pb.ts";
import {
  type HttpFilter,
  HttpFilterSchema,
} from "../proto/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { CredentialSpec } from "./credential.ts";
import { parseCredential } from "./parse-credential.ts";

/** http_filters of a cluster's HttpProtocolOptions: the credential injector, and the codec at the end. null for none. */
export function parseUpstreamFilters(
  filters: readonly HttpFilter[],
  problems: Problems,
  contexts: TlsContexts,
): CredentialSpec | null {
  let credential: CredentialSpec | null = null;
  for (const [i, filter] of filters.entries()) {
    const at = problems.at(`http_filters[${i}]`);
    checkCoverage(HttpFilterSchema, filter, at, { honoured: ["name", "typed_config", "is_optional"], harmless: [] });
    const any = filter.configType.case === "typedConfig" ? filter.configType.value : null;
    if (any === null) continue;
    const type = any.typeUrl.slice(any.typeUrl.lastIndexOf("/") + 1);
    const isLast = i === filters.length - 1;
    if (isLast !== (type === UpstreamCodecSchema.typeName)) {
      at.error(
        "",
        isLast
          ? "is the last, which must be envoy.filters.http.upstream_codec"
          : "stands in front of others; the codec is the last",
      );
    } else if (type === CredentialInjectorSchema.typeName && credential === null) {
      const message = unpackAs(CredentialInjectorSchema, any, at, "typed_config");
      if (message !== null) credential = parseCredential(message, at.at("typed_config"), contexts);
    } else if (!isLast) {
      at.error(
        "typed_config",
        `the filter ${type} is not implemented in Nuncio for upstreams; credential_injector is, once`,
      );
    }
  }
  return credential;
}
