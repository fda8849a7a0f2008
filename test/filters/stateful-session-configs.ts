import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const type = "type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession";
const states = "type.googleapis.com/envoy.extensions.http.stateful_session.";
const session = (config: Json): Json => ({
  name: "envoy.filters.http.stateful_session",
  typed_config: { "@type": type, ...config },
});
const state = (kind: string, message: string, config: Json): Json => ({
  session_state: {
    name: `envoy.http.stateful_session.${kind}`,
    typed_config: { "@type": `${states}${kind}.v3.${message}`, ...config },
  },
});
const perRoute = (config: Json): Json => ({
  typed_per_filter_config: { f: { "@type": `${type}PerRoute`, ...config } },
});
const path = "http_filters[0].typed_config";
const routePath = `route_config.virtual_hosts[0].typed_per_filter_config["f"]`;

export const ofStatefulSession: readonly FilterConfigCase[] = [
  { name: "stateful_session without a state", filters: [session({ strict: true, stat_prefix: "a" })] },
  {
    name: "stateful_session by a cookie without a name",
    filters: [session(state("cookie", "CookieBasedSessionState", { cookie: {} }))],
    error: {
      path: `${path}.session_state.typed_config.cookie.name`,
      says: "must not be empty",
      envoySays: "CookieValidationError.Name: value length must be at least 1 characters",
    },
  },
  {
    name: "stateful_session by no cookie",
    filters: [session(state("cookie", "CookieBasedSessionState", {}))],
    error: {
      path: `${path}.session_state.typed_config.cookie`,
      says: "is required",
      envoySays: "CookieBasedSessionStateValidationError.Cookie: value is required",
    },
  },
  {
    name: "stateful_session by a header without a name",
    filters: [session(state("header", "HeaderBasedSessionState", {}))],
    error: {
      path: `${path}.session_state.typed_config.name`,
      says: "must not be empty",
      envoySays: "HeaderBasedSessionStateValidationError.Name: value length must be at least 1 characters",
    },
  },
  {
    name: "stateful_session by an envelope of nothing",
    filters: [session(state("envelope", "EnvelopeSessionState", {}))],
    error: {
      path: `${path}.session_state.typed_config.header`,
      says: "is required",
      envoySays: "EnvelopeSessionStateValidationError.Header: value is required",
    },
  },
  {
    name: "stateful_session by what is no state",
    filters: [
      session({
        session_state: { name: "x", typed_config: { "@type": `${http}grpc_web.v3.GrpcWeb` } },
      }),
    ],
    error: {
      path: `${path}.session_state.name`,
      says: 'no session state "x"',
      envoySays: "Didn't find a registered implementation for name: 'x'",
    },
  },
  {
    name: "stateful_session by a cookie that is a header",
    filters: [
      session({
        session_state: {
          name: "envoy.http.stateful_session.cookie",
          typed_config: { "@type": `${states}header.v3.HeaderBasedSessionState`, name: "a" },
        },
      }),
    ],
    error: {
      path: `${path}.session_state.typed_config`,
      says: "not a",
      envoySays: "Unable to unpack as envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
    },
  },
  {
    name: "stateful_session with a state but no type",
    filters: [session({ session_state: { name: "envoy.http.stateful_session.cookie" } })],
    error: {
      path: `${path}.session_state.typed_config`,
      says: "is required",
      envoySays: "TypedExtensionConfigValidationError.TypedConfig: value is required",
    },
  },
  {
    name: "stateful_session with a status that is none",
    filters: [session({ strict: true, status_on_strict_destination_not_found: 42 })],
  },
  {
    name: "stateful_session of a route that says nothing",
    virtualHost: perRoute({}),
    error: {
      path: routePath,
      says: "one of disabled, stateful_session must be set",
      envoySays: "is required",
    },
  },
  {
    name: "stateful_session of a route that is not off",
    virtualHost: perRoute({ disabled: false }),
    error: {
      path: `${routePath}.disabled`,
      says: "must equal true",
      envoySays: "StatefulSessionPerRouteValidationError.Disabled: value must equal true",
    },
  },
];
