import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const basic = (inline_string: string): Json[] => [
  { name: "basic", typed_config: { "@type": `${http}basic_auth.v3.BasicAuth`, users: { inline_string } } },
];
const keys = (config: Json): Json[] => [
  { name: "keys", typed_config: { "@type": `${http}api_key_auth.v3.ApiKeyAuth`, ...config } },
];
const path = "http_filters[0].typed_config";
const hash = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";
const badUsers = (text: string, says: string): FilterConfigCase => ({
  name: `basic_auth: users "${text.replaceAll("\n", " ")}"`,
  filters: basic(text),
  error: { path: `${path}.users`, says, envoySays: `basic auth: ${says}` },
});

export const ofCredentials: readonly FilterConfigCase[] = [
  { name: "basic_auth: users with a comment and an empty line", filters: basic(`# c\n\nann:${hash}`) },
  badUsers("ann", "invalid htpasswd format, username:password is expected"),
  badUsers(`:${hash}`, "empty user name or password"),
  badUsers("ann:", "empty user name or password"),
  badUsers(`ann:${hash}\nann:${hash}`, "duplicate users"),
  badUsers("ann:$apr1$x", "unsupported htpasswd format: please use {SHA}"),
  badUsers("ann:{SHA}x", "invalid htpasswd format, invalid SHA hash length"),
  {
    name: "basic_auth: no users",
    filters: basic(""),
    error: { path: `${path}.users`, says: "is empty", envoySays: "DataSource cannot be empty" },
  },
  { name: "api_key_auth: nothing at all", filters: keys({}) },
  {
    name: "api_key_auth: one key twice",
    filters: keys({
      credentials: [
        { key: "a", client: "b" },
        { key: "a", client: "c" },
      ],
      key_sources: [{ header: "x" }],
    }),
    error: {
      path: `${path}.credentials[1].key`,
      says: "another client has the same key",
      envoySays: "Duplicated credential key: 'a'",
    },
  },
  {
    name: "api_key_auth: a place that is none",
    filters: keys({ credentials: [{ key: "a", client: "b" }], key_sources: [{}] }),
    error: {
      path: `${path}.key_sources[0]`,
      says: "must be set",
      envoySays: "One of 'header'/'query'/'cookie' must be set.",
    },
  },
];
