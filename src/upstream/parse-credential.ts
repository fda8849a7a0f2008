import { toBinary } from "@bufbuild/protobuf";
import type { TlsContexts } from "../net/tls/contexts.ts";
import { unpackExtension } from "../proto/any.ts";
import { checkCoverage } from "../proto/coverage.ts";
import { durationMs } from "../proto/duration.ts";
import type { CredentialInjector } from "../proto/generated/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.ts";
import {
  type Generic,
  GenericSchema,
} from "../proto/generated/envoy/extensions/http/injected_credentials/generic/v3/generic_pb.ts";
import {
  type OAuth2,
  OAuth2_AuthType,
  OAuth2_ClientCredentialsSchema,
  OAuth2Schema,
} from "../proto/generated/envoy/extensions/http/injected_credentials/oauth2/v3/oauth2_pb.ts";
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from "../proto/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { parseHttpUri } from "../proto/http-uri.ts";
import { Problems } from "../proto/problems.ts";
import { parseHeaderName } from "../router/parse-headers.ts";
import { wire } from "../router/text.ts";
import type { CredentialSpec } from "./credential.ts";
import { formEncode } from "./oauth2-messages.ts";

/** extensions.filters.http.credential_injector.v3.CredentialInjector, of a chain of filters below or of a cluster. */
export function parseCredential(
  { credential, overwrite, allowRequestWithoutCredential }: CredentialInjector,
  problems: Problems,
  contexts: Pick<TlsContexts, "openText">,
): CredentialSpec | null {
  // Without one the message's own rules refuse it.
  if (credential === undefined) return null;
  const scope = problems.at("credential");
  const unpacked = unpackExtension(credential.name, credential.typedConfig, scope, "typed_config");
  if (unpacked === null) return null;
  const type = unpacked.desc.typeName;
  const at = scope.at("typed_config").at(unpacked.innerPath);
  const flags = { overwrites: overwrite, allowsNone: allowRequestWithoutCredential };
  switch (type) {
    case GenericSchema.typeName: {
      const generic = unpacked.message as Generic;
      if (generic.credential === undefined) return null;
      return {
        ...flags,
        header: generic.header === "" ? "authorization" : parseHeaderName(generic.header),
        prefix: wire(generic.headerValuePrefix),
        secret: contexts.openText(generic.credential, at.at("credential")),
        oauth2: null,
      };
    }
    case OAuth2Schema.typeName: {
      const found = parseOAuth2(unpacked.message as OAuth2, at, contexts);
      return found === null ? null : { ...flags, header: "authorization", prefix: "Bearer ", ...found };
    }
    default:
      at.error("", `${type} is not implemented in Nuncio as a credential; generic and oauth2 are`, {
        envoyText: `Didn't find a registered implementation for '${credential.name}' with type URL: '${type}'`,
      });
      return null;
  }
}

function parseOAuth2(
  message: OAuth2,
  problems: Problems,
  contexts: Pick<TlsContexts, "openText">,
): Pick<CredentialSpec, "secret" | "oauth2"> | null {
  checkCoverage(OAuth2Schema, message, problems, {
    honoured: ["token_endpoint", "scopes", "client_credentials", "token_fetch_retry_interval", "endpoint_params"],
    harmless: [],
  });
  const client = message.flowType.value;
  if (client === undefined) return null;
  const at = problems.at("client_credentials");
  checkCoverage(OAuth2_ClientCredentialsSchema, client, at, {
    honoured: ["client_id", "client_secret", "auth_type"],
    harmless: [],
  });
  const encoded = (text: string) => formEncode(Buffer.from(text));
  const scopes = message.scopes.join(" ");
  // As in Envoy 1.40, BASIC_AUTH sends the secret in the body too.
  const sendsSecret = client.authType !== OAuth2_AuthType.TLS_CLIENT_AUTH;
  return {
    secret: sendsSecret ? openSecret(client.clientSecret, at, contexts) : { id: 0, spec: null },
    oauth2: {
      endpoint: parseHttpUri(message.tokenEndpoint),
      form: [
        `grant_type=client_credentials&client_id=${encoded(client.clientId)}`,
        (scopes === "" ? "" : `&scope=${encoded(scopes)}`) +
          message.endpointParams.map(({ name, value }) => `&${encoded(name)}=${encoded(value)}`).join(""),
      ],
      sendsSecret,
      secretKey:
        client.clientSecret === undefined
          ? ""
          : Buffer.from(toBinary(SdsSecretConfigSchema, client.clientSecret)).toString("base64"),
      // Envoy drops what is no whole second.
      retryMs: Math.floor((durationMs(message.tokenFetchRetryInterval) ?? 2000) / 1000) * 1000,
    },
  };
}

function openSecret(
  config: SdsSecretConfig | undefined,
  problems: Problems,
  contexts: Pick<TlsContexts, "openText">,
): CredentialSpec["secret"] {
  const envoyText = "Invalid oauth2 client secret configuration";
  if (config === undefined) {
    problems.error("client_secret", "is missing: auth_type TLS_CLIENT_AUTH alone has none", { envoyText });
    return { id: 0, spec: null };
  }
  const found = new Problems();
  const secret = contexts.openText(config, found.at("client_secret"));
  // Of a secret that is not there Envoy has other words here.
  for (const one of found.list) problems.list.push({ ...one, path: problems.at(one.path).path, envoyText });
  return secret;
}
