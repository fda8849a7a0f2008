import { unpackAs } from "../../proto/any.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import {
  type StatefulSession,
  type StatefulSessionPerRoute,
  StatefulSessionSchema,
} from "../../proto/generated/envoy/extensions/filters/http/stateful_session/v3/stateful_session_pb.ts";
import { CookieBasedSessionStateSchema } from "../../proto/generated/envoy/extensions/http/stateful_session/cookie/v3/cookie_pb.ts";
import { EnvelopeSessionStateSchema } from "../../proto/generated/envoy/extensions/http/stateful_session/envelope/v3/envelope_pb.ts";
import { HeaderBasedSessionStateSchema } from "../../proto/generated/envoy/extensions/http/stateful_session/header/v3/header_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseHeaderName } from "../../router/parse-headers.ts";
import type { SessionStateSpec, StatefulSessionRouteSpec, StatefulSessionSpec } from "./spec.ts";

export function parseStatefulSession(message: StatefulSession, problems: Problems): StatefulSessionSpec {
  checkCoverage(StatefulSessionSchema, message, problems, {
    honoured: ["session_state", "strict", "stat_prefix", "status_on_strict_destination_not_found"],
    harmless: [],
  });
  return {
    state: parseState(message, problems.at("session_state")),
    isStrict: message.strict,
    missingStatus: message.statusOnStrictDestinationNotFound || 503,
    statPrefix: message.statPrefix,
  };
}

export function parseStatefulSessionPerRoute(
  { override }: StatefulSessionPerRoute,
  problems: Problems,
): StatefulSessionRouteSpec | null {
  switch (override.case) {
    case "disabled":
      return "off";
    case "statefulSession":
      return parseStatefulSession(override.value, problems.at("stateful_session"));
    case undefined:
      // The message's own rules refuse it.
      return null;
  }
}

/** Envoy finds a state by its name, not by its type as other extensions. */
function parseState({ sessionState }: StatefulSession, problems: Problems): SessionStateSpec | null {
  if (sessionState === undefined) return null;
  const { name, typedConfig } = sessionState;
  switch (name) {
    case "envoy.http.stateful_session.cookie": {
      const cookie = unpackAs(CookieBasedSessionStateSchema, typedConfig, problems, "typed_config")?.cookie;
      if (cookie === undefined) return null;
      const attributes = cookie.attributes.map((one) => ({ name: one.name, value: one.value }));
      return {
        kind: "cookie",
        cookie: { name: cookie.name, path: cookie.path, attributes },
        ttlSeconds: Number(cookie.ttl?.seconds ?? 0),
      };
    }
    case "envoy.http.stateful_session.header": {
      const header = unpackAs(HeaderBasedSessionStateSchema, typedConfig, problems, "typed_config");
      return header === null ? null : { kind: "header", name: parseHeaderName(header.name) };
    }
    case "envoy.http.stateful_session.envelope": {
      const header = unpackAs(EnvelopeSessionStateSchema, typedConfig, problems, "typed_config")?.header;
      return header === undefined ? null : { kind: "envelope", name: parseHeaderName(header.name) };
    }
    default:
      problems.error("name", `there is no session state "${name}"; Envoy goes by the name here, not by the type`, {
        envoyText: `Didn't find a registered implementation for name: '${name}'`,
      });
      return null;
  }
}
