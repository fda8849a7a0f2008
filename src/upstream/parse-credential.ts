import type { TlsContexts } from "../net/tls/contexts.ts";
import { unpackExtension } from "../proto/any.ts";
import type { CredentialInjector } from "../proto/generated/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.ts";
import {
  type Generic,
  GenericSchema,
} from "../proto/generated/envoy/extensions/http/injected_credentials/generic/v3/generic_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseHeaderName } from "../router/parse-headers.ts";
import { wire } from "../router/text.ts";
import type { CredentialSpec } from "./credential.ts";

/** extensions.filters.http.credential_injector.v3.CredentialInjector, of a chain of filters below or of a cluster. */
export function parseCredential(
  { credential, overwrite, allowRequestWithoutCredential }: CredentialInjector,
  problems: Problems,
  contexts: TlsContexts,
): CredentialSpec | null {
  // Without one the message's own rules refuse it.
  if (credential === undefined) return null;
  const scope = problems.at("credential");
  const unpacked = unpackExtension(credential.name, credential.typedConfig, scope, "typed_config");
  if (unpacked === null) return null;
  const type = unpacked.desc.typeName;
  const at = scope.at("typed_config");
  if (type !== GenericSchema.typeName) {
    const isKnown = type.startsWith("envoy.extensions.http.injected_credentials.");
    at.error("", `${type} is not implemented in Nuncio; ${GenericSchema.typeName} is`, {
      envoyText: isKnown
        ? null
        : `Didn't find a registered implementation for '${credential.name}' with type URL: '${type}'`,
    });
    return null;
  }
  const generic = unpacked.message as Generic;
  if (generic.credential === undefined) return null;
  return {
    header: generic.header === "" ? "authorization" : parseHeaderName(generic.header),
    prefix: wire(generic.headerValuePrefix),
    overwrites: overwrite,
    allowsNone: allowRequestWithoutCredential,
    secret: contexts.openText(generic.credential, at.at("credential")),
  };
}
