import { checkCoverage } from "../../proto/coverage.ts";
import {
  type ApiKeyAuth,
  type ApiKeyAuthPerRoute,
  type Credential,
  type Forwarding,
  type KeySource,
  KeySourceSchema,
} from "../../proto/generated/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseHeaderName } from "../../router/parse-headers.ts";

/** extensions.filters.http.api_key_auth.v3.ApiKeyAuth, or what a route says instead. null: not said. */
export interface ApiKeyAuthSpec {
  /** Key to its client. */
  clients: Record<string, string> | null;
  sources: KeySourceSpec[] | null;
  forwarding: ForwardingSpec | null;
  /** null for all. */
  allowed: string[] | null;
}

/** Where a key may stand; `name` of a header is lower-case. */
export interface KeySourceSpec {
  kind: "header" | "query" | "cookie";
  name: string;
}

interface ForwardingSpec {
  /** Lower-case; "" for none. */
  header: string;
  hidesKey: boolean;
}

export function parseApiKeyAuth(message: ApiKeyAuth, problems: Problems): ApiKeyAuthSpec {
  return { ...parseCommon(message, problems), allowed: null };
}

export function parseApiKeyAuthPerRoute(message: ApiKeyAuthPerRoute, problems: Problems): ApiKeyAuthSpec {
  const allowed = message.allowedClients.length === 0 ? null : message.allowedClients;
  return { ...parseCommon(message, problems), allowed };
}

function parseCommon(
  message: Pick<ApiKeyAuth, "credentials" | "keySources" | "forwarding">,
  problems: Problems,
): Omit<ApiKeyAuthSpec, "allowed"> {
  const { credentials, keySources } = message;
  return {
    clients: credentials.length === 0 ? null : parseCredentials(credentials, problems),
    sources:
      keySources.length === 0 ? null : keySources.map((one, i) => parseSource(one, problems.at(`key_sources[${i}]`))),
    forwarding: message.forwarding === undefined ? null : parseForwarding(message.forwarding),
  };
}

function parseCredentials(credentials: readonly Credential[], problems: Problems): Record<string, string> {
  const clients: Record<string, string> = {};
  for (const [i, { key, client }] of credentials.entries()) {
    if (Object.hasOwn(clients, key)) {
      problems.error(`credentials[${i}].key`, "another client has the same key", {
        envoyText: `Duplicated credential key: '${key}'`,
      });
    }
    clients[key] = client;
  }
  return clients;
}

function parseSource(message: KeySource, problems: Problems): KeySourceSpec {
  checkCoverage(KeySourceSchema, message, problems, { honoured: ["header", "query", "cookie"], harmless: [] });
  const { header, query, cookie } = message;
  if (header !== "") return { kind: "header", name: parseHeaderName(header) };
  if (query !== "") return { kind: "query", name: query };
  if (cookie === "") {
    const text = "One of 'header'/'query'/'cookie' must be set.";
    problems.error("", text, { envoyText: text });
  }
  return { kind: "cookie", name: cookie };
}

function parseForwarding({ header, hideCredentials }: Forwarding): ForwardingSpec {
  return { header: parseHeaderName(header), hidesKey: hideCredentials };
}
