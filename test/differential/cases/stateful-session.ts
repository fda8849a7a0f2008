import { cluster } from "../bootstrap.ts";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.stateful_session";
const filterType = "type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession";
const stateType = "type.googleapis.com/envoy.extensions.http.stateful_session.";
const cookie = (config: Json): Json => state("cookie", "CookieBasedSessionState", { cookie: config });
const header = (field: string): Json => state("header", "HeaderBasedSessionState", { name: field });
const envelope = (field: string): Json => state("envelope", "EnvelopeSessionState", { header: { name: field } });

function state(kind: string, message: string, config: Json): Json {
  return {
    session_state: {
      name: `envoy.http.stateful_session.${kind}`,
      typed_config: { "@type": `${stateType}${kind}.v3.${message}`, ...config },
    },
  };
}

const filter = (config: Json): Json => ({ name, typed_config: { "@type": filterType, ...config } });
const own = (config: Json): Json => ({
  typed_per_filter_config: { [name]: { "@type": `${filterType}PerRoute`, ...config } },
});
const to = (prefix: string, clusterName: string, more: Json = {}): Json => ({
  match: { prefix },
  route: {
    cluster: `${clusterName}{lane}`,
    retry_policy: { retry_on: "5xx,connect-failure", num_retries: 1, retry_back_off: { base_interval: "0.001s" } },
  },
  ...more,
});

/** One host gets the traffic; the others have to be asked for. */
const hosts = (clusterName: string, more: Json = {}): Json => {
  const endpoint = (address: string, rest: Json = {}): Json => ({
    endpoint: { address: { socket_address: { address, port_value: "{port}" } } },
    ...rest,
  });
  return cluster(clusterName, {
    ...more,
    load_assignment: {
      cluster_name: `${clusterName}{lane}`,
      endpoints: [
        { lb_endpoints: [endpoint("127.0.0.1")] },
        {
          priority: 1,
          lb_endpoints: [
            endpoint("127.0.0.2"),
            endpoint("127.0.0.3", { health_status: "DEGRADED" }),
            endpoint("127.0.0.4", { health_status: "UNHEALTHY" }),
            endpoint("127.0.0.5", { health_status: "DRAINING" }),
            endpoint("127.0.0.6", { health_status: "TIMEOUT" }),
            endpoint("127.0.0.7", { health_status: "HEALTHY" }),
            { endpoint: { address: { socket_address: { address: "127.0.0.8", port_value: 1 } } } },
          ],
        },
      ],
    },
  });
};
const only = (...statuses: string[]): Json => ({ common_lb_config: { override_host_status: { statuses } } });
const clusters = [
  hosts("hosts"),
  hosts("all", only("UNKNOWN", "HEALTHY", "DEGRADED", "UNHEALTHY", "DRAINING", "TIMEOUT")),
  hosts("healthy", only("HEALTHY")),
  hosts("none", only()),
  hosts("draining", only("DRAINING")),
];
const routes = [
  to("/off", "hosts", own({ disabled: true })),
  to("/empty", "hosts", own({ stateful_session: {} })),
  to("/header", "hosts", own({ stateful_session: header("X-Host") })),
  to("/route", "hosts", own({ stateful_session: { ...header("x-host"), stat_prefix: "route" } })),
  to("/strict-cookie", "hosts", own({ stateful_session: { ...cookie({ name: "s" }), strict: true } })),
  to("/strict", "hosts", own({ stateful_session: { ...header("x-host"), strict: true } })),
  to(
    "/status",
    "hosts",
    own({ stateful_session: { ...header("x-host"), strict: true, status_on_strict_destination_not_found: 410 } }),
  ),
  to(
    "/loose-status",
    "hosts",
    own({ stateful_session: { ...header("x-host"), status_on_strict_destination_not_found: 410 } }),
  ),
  ...["all", "healthy", "none", "draining"].map((one) => to(`/${one}`, one)),
  { match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "here" } } },
  { match: { prefix: "/redirect" }, redirect: { path_redirect: "/" } },
  to("/", "hosts"),
];
const setup = (config: Json): Setup => ({
  filters: [filter({ stat_prefix: "sticky", ...config })],
  clusters,
  virtualHosts: [{ name: "all", domains: ["*"], routes }],
});

export const statefulSessionSetups: Record<string, Setup> = {
  sessionCookie: setup(cookie({ name: "s" })),
  sessionCookiePath: setup(
    cookie({
      name: "s",
      path: "/a",
      ttl: "1000s",
      attributes: [{ name: "SameSite", value: "Lax" }, { name: "Secure" }],
    }),
  ),
  sessionCookieFolder: setup(cookie({ name: "s", path: "/a/" })),
  sessionHeader: setup(header("X-Host")),
  sessionStrict: setup({ ...header("x-host"), strict: true }),
  sessionStatus: setup({ ...header("x-host"), strict: true, status_on_strict_destination_not_found: 404 }),
  sessionEnvelope: setup(envelope("X-Session")),
  sessionNone: setup({}),
};

const field = (address: string): string => `x-host: {{BASE64:${address}:{port}}}`;
/** envoy.Cookie. */
const packed = (address: string, more = ""): string => `cookie: s="{{BASE64:\n\x0f${address}:{port}${more}}}"`;
const ask = (setupName: string, path: string, ...fields: string[]): Case => ({
  name: `${setupName}: ${path} ${fields.join(" ").replaceAll(/[^ -~]/g, ".")}`,
  setup: setupName,
  send: request(`GET ${path}`, ...fields),
});
const later = "\x10\xff\xff\xff\xff\x7f";
const ofHosts = (setupName: string, path: string, numbers = "2345679"): Case[] =>
  [...numbers].map((number) => ask(setupName, path, field(`127.0.0.${number}`)));

export const statefulSessionCases: Case[] = [
  ask("sessionCookie", "/"),
  ask("sessionCookie", "/", packed("127.0.0.1")),
  ask("sessionCookie", "/", packed("127.0.0.2")),
  ask("sessionCookie", "/", packed("127.0.0.4")),
  ask("sessionCookie", "/", packed("127.0.0.2", later)),
  ask("sessionCookie", "/", packed("127.0.0.2", "\x10\x01")),
  ask("sessionCookie", "/", packed("127.0.0.2", "\x10\x00")),
  ask("sessionCookie", "/", packed("127.0.0.2", "\x18\x01")),
  ask("sessionCookie", "/", packed("127.0.0.2", "\x18")),
  ask("sessionCookie", "/", packed("127.0.0.2", "\x1a\x01a")),
  ask("sessionCookie", "/", packed("127.0.0.9")),
  ask("sessionCookie", "/", "cookie: s={{BASE64:127.0.0.2:{port}}}"),
  ask("sessionCookie", "/", 'cookie: a=b; s="{{BASE64:127.0.0.2:{port}}}"; c=d'),
  ask("sessionCookie", "/", "cookie: s=x", packed("127.0.0.2")),
  ask("sessionCookie", "/", packed("127.0.0.2"), packed("127.0.0.7")),
  ask("sessionCookie", "/", "cookie: s="),
  ask("sessionCookie", "/", "cookie: s=!!!"),
  ask("sessionCookie", "/", "cookie: s=CgE"),
  ask("sessionCookie", "/", "cookie: s=CgA="),
  ask("sessionCookie", "/", "cookie: S={{BASE64:127.0.0.2:{port}}}"),
  ask("sessionCookie", "/", packed("127.0.0.2"), "x-do: status:500 | status:200"),
  ask("sessionCookie", "/", packed("127.0.0.2"), "x-do: status:500"),
  ask("sessionCookie", "/", packed("127.0.0.2"), "x-do: header:set-cookie=s=upstream"),
  ask("sessionCookie", "/", "x-do: header:set-cookie=s=upstream"),
  ask("sessionCookie", "/", "cookie: s={{BASE64:127.0.0.8:1}}"),
  ...["/off", "/empty", "/header", "/strict-cookie", "/direct", "/redirect", "/all", "/healthy", "/none"].map((path) =>
    ask("sessionCookie", path, packed("127.0.0.2")),
  ),
  ask("sessionCookie", "/strict-cookie", packed("127.0.0.9")),
  ask("sessionCookie", "/strict-cookie", packed("127.0.0.4"), "content-type: application/grpc"),
  { name: "sessionCookie: stats", setup: "sessionCookie", send: "", stats: "stateful_session" },
  ...["/", "/a", "/a/", "/a/b", "/ab", "/a?x", "/a#x", "/A"].flatMap((path) => [
    ask("sessionCookiePath", path),
    ask("sessionCookieFolder", path),
  ]),
  ask("sessionCookiePath", "/a", packed("127.0.0.2", later)),
  ask("sessionCookiePath", "/a", packed("127.0.0.2")),
  ask("sessionCookieFolder", "/a", packed("127.0.0.2")),
  ask("sessionCookieFolder", "/a/", packed("127.0.0.2")),
  ask("sessionHeader", "/"),
  ...ofHosts("sessionHeader", "/"),
  ...ofHosts("sessionHeader", "/all"),
  ...ofHosts("sessionHeader", "/healthy"),
  ...ofHosts("sessionHeader", "/none"),
  ...ofHosts("sessionHeader", "/draining"),
  ask("sessionHeader", "/", "x-host: {{BASE64:127.0.0.8:1}}"),
  ask("sessionHeader", "/", "x-host: 127.0.0.2:{port}"),
  ask("sessionHeader", "/", "x-host: "),
  ask("sessionHeader", "/", field("127.0.0.2"), field("127.0.0.7")),
  ask("sessionHeader", "/", field("127.0.0.2"), "x-do: header:x-host=mine"),
  ask("sessionHeader", "/", "x-do: header:x-host=mine"),
  ask("sessionHeader", "/", field("127.0.0.2"), "x-do: drop | status:200"),
  ask("sessionHeader", "/", field("127.0.0.2"), "x-do: status:503"),
  { name: "sessionHeader: stats", setup: "sessionHeader", send: "", stats: "stateful_session" },
  ask("sessionStrict", "/"),
  ...ofHosts("sessionStrict", "/"),
  ask("sessionStrict", "/", "x-host: {{BASE64:127.0.0.8:1}}"),
  ask("sessionStrict", "/", field("127.0.0.2"), "x-do: status:503 | status:200"),
  ask("sessionStrict", "/", field("127.0.0.9"), "content-type: application/grpc"),
  ask("sessionStrict", "/off", field("127.0.0.9")),
  ask("sessionStrict", "/route", field("127.0.0.9")),
  ask("sessionStrict", "/route", field("127.0.0.2")),
  ask("sessionStrict", "/status", field("127.0.0.9")),
  ask("sessionStrict", "/direct", field("127.0.0.9")),
  { name: "sessionStrict: stats", setup: "sessionStrict", send: "", stats: "stateful_session|no_healthy|none_healthy" },
  ask("sessionStatus", "/"),
  ask("sessionStatus", "/", field("127.0.0.2")),
  ask("sessionStatus", "/", field("127.0.0.9")),
  ask("sessionStatus", "/", field("127.0.0.9"), "content-type: application/grpc"),
  ask("sessionStatus", "/", "x-host: {{BASE64:127.0.0.8:1}}"),
  ask("sessionStatus", "/loose-status", field("127.0.0.9")),
  ask("sessionStatus", "/strict", field("127.0.0.9")),
  { name: "sessionStatus: stats", setup: "sessionStatus", send: "", stats: "stateful_session|upstream_rq_[0-9]" },
  ...["", "x-do: header:x-session=abc", "x-do: header:x-session=abc header:x-session=def"].flatMap((what) => [
    ask("sessionEnvelope", "/", ...(what === "" ? [] : [what])),
    ask(
      "sessionEnvelope",
      "/",
      "x-session: {{BASE64:127.0.0.2:{port}}};UV:{{BASE64:abc}}",
      ...(what === "" ? [] : [what]),
    ),
  ]),
  ask("sessionEnvelope", "/", "x-session: {{BASE64:127.0.0.2:{port}}}"),
  ask("sessionEnvelope", "/", "x-session: {{BASE64:127.0.0.2:{port}}};x;UV:{{BASE64:abc}};UV:{{BASE64:def}}"),
  ask("sessionEnvelope", "/", "x-session: {{BASE64:127.0.0.2:{port}}};UV:!"),
  ask("sessionEnvelope", "/", "x-session: ;;{{BASE64:127.0.0.2:{port}}};UV:{{BASE64:abc}}"),
  ask("sessionEnvelope", "/", "x-session: !;UV:{{BASE64:abc}}"),
  ask("sessionEnvelope", "/", "x-session: ;"),
  ask("sessionEnvelope", "/", "x-session: {{BASE64:127.0.0.9:{port}}};UV:{{BASE64:abc}}"),
  ask("sessionEnvelope", "/", "x-session: {{BASE64:127.0.0.2:{port}}};UV:{{BASE64:abc}}", "x-session: other"),
  { name: "sessionEnvelope: stats", setup: "sessionEnvelope", send: "", stats: "stateful_session" },
  ask("sessionNone", "/", field("127.0.0.2")),
  ask("sessionNone", "/route", field("127.0.0.2")),
  { name: "sessionNone: stats", setup: "sessionNone", send: "", stats: "stateful_session" },
];
