import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const http1 = (options: Json): Setup => ({ manager: { common_http_protocol_options: options } });
const xffs = ["x-forwarded-for: 1.2.3.4", "x-forwarded-for: 10.0.0.1, 203.0.113.9, 192.0.2.7"];
const envoyFields = [
  "x-envoy-internal: true",
  "x-envoy-max-retries: 3",
  "x-envoy-upstream-rq-timeout-ms: 5000",
  "x-envoy-external-address: 9.9.9.9",
  "x-envoy-decorator-operation: op",
  "x-envoy-original-path: /o",
  "x-envoy-downstream-service-cluster: c",
  "x-envoy-attempt-count: 9",
];

/** What the manager does to the fields of requests and answers. */
export const headersSetups: Record<string, Setup> = {
  sidecar: {},
  twoReferers: {},
  edge: { manager: { use_remote_address: true } },
  edgeHops: { manager: { use_remote_address: true, xff_num_trusted_hops: 1 } },
  hops: { manager: { xff_num_trusted_hops: 2 } },
  skipXff: { manager: { use_remote_address: true, skip_xff_append: true } },
  internal: {
    manager: {
      use_remote_address: true,
      internal_address_config: { cidr_ranges: [{ address_prefix: "127.0.0.0", prefix_len: 8 }] },
    },
  },
  onlyInternal: {
    manager: { use_remote_address: true },
    routeConfig: { internal_only_headers: ["x-secret", "X-Team"] },
  },
  onlyInternalSidecar: { routeConfig: { internal_only_headers: ["x-secret"] } },
  onlyInternalFromInside: {
    manager: {
      use_remote_address: true,
      internal_address_config: { cidr_ranges: [{ address_prefix: "127.0.0.0", prefix_len: 8 }] },
    },
    routeConfig: { internal_only_headers: ["x-secret"] },
  },
  portXff: { manager: { use_remote_address: true, append_x_forwarded_port: true } },
  requestIdKept: {
    manager: { use_remote_address: true, preserve_external_request_id: true, always_set_request_id_in_response: true },
  },
  requestIdOff: { manager: { generate_request_id: false } },
  requestIdAnswered: { manager: { always_set_request_id_in_response: true } },
  via: { manager: { via: "1.1 edge", server_name: "mine" } },
  serverAbsent: { manager: { server_header_transformation: "APPEND_IF_ABSENT", server_name: "mine" } },
  serverPass: { manager: { server_header_transformation: "PASS_THROUGH" } },
  underscoresRefused: http1({ headers_with_underscores_action: "REJECT_REQUEST" }),
  underscoresDropped: http1({ headers_with_underscores_action: "DROP_HEADER" }),
  stripPort: { manager: { strip_matching_host_port: true } },
  stripAnyPort: { manager: { strip_any_host_port: true } },
  stripDot: { manager: { strip_trailing_host_dot: true } },
  https: { manager: { scheme_header_transformation: { scheme_to_overwrite: "https" } } },
  preserveCase: {
    manager: {
      http_protocol_options: {
        header_key_format: {
          stateful_formatter: {
            name: "preserve_case",
            typed_config: {
              "@type":
                "type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig",
            },
          },
        },
      },
    },
  },
  properCase: { manager: { http_protocol_options: { header_key_format: { proper_case_words: {} } } } },
  userAgent: { manager: { add_user_agent: true } },
  userAgentEdge: { manager: { add_user_agent: true, use_remote_address: true } },
  userAgentOfNobody: { manager: { add_user_agent: true }, node: { id: "", cluster: "" } },
  quietRouter: { router: { suppress_envoy_headers: true } },
  proxy100: { manager: { proxy_100_continue: true } },
  clientCert: { manager: { use_remote_address: true, forward_client_cert_details: "SANITIZE" } },
};

const identities = ["sidecar", "edge", "edgeHops", "hops", "skipXff", "internal", "portXff"].flatMap(
  (setup): Case[] => [
    { name: `${setup}: x-forwarded-for is absent`, setup, send: request("GET /x") },
    ...xffs.map((xff): Case => ({ name: `${setup}: ${xff}`, setup, send: request("GET /x", xff) })),
    { name: `${setup}: x-forwarded-for is no address`, setup, send: request("GET /x", "x-forwarded-for: unknown") },
    {
      name: `${setup}: x-forwarded-proto and its friends from the client`,
      setup,
      send: request("GET /x", "x-forwarded-proto: https", "x-forwarded-host: f.test", "x-forwarded-port: 8443"),
    },
    { name: `${setup}: x-envoy fields from the client`, setup, send: request("GET /x", ...envoyFields) },
    {
      name: `${setup}: a request id and trace fields from the client`,
      setup,
      send: request("GET /x", "x-request-id: mine", "x-client-trace-id: t"),
    },
  ],
);

const referers = [
  "http://a.test",
  "https://a.test/x?y#z",
  "HTTP://A.test:80/",
  "http://ann:b@a.test/",
  "http://[::1]:80/",
  "http://a.test:x/",
  "http://a b/",
  "http://",
  "http:///x",
  "http:a.test",
  "ftp://a.test/",
  "android-app://com.example/",
  "app+x.y-z://a/",
  "1a://b/",
  "about:blank",
  "//a.test/",
  "/x",
  "a.test",
  "",
];

export const headersCases: readonly Case[] = [
  ...referers.map((referer) => c("edge", `referer "${referer}"`, request("GET /x", `referer: ${referer}`))),
  c("twoReferers", "two referers", request("GET /x", "referer: http://a.test/", "referer: http://a.test/")),
  ...identities,
  ...["onlyInternal", "onlyInternalSidecar", "onlyInternalFromInside"].map((setup) =>
    c(
      setup,
      "fields that are for internal requests",
      request("GET /x", "x-secret: 1", "X-Secret: 2", "x-team: t", "x-secrets: stays"),
    ),
  ),
  c("requestIdKept", "the client's request id is kept", request("GET /x", "x-request-id: mine")),
  c("requestIdKept", "a request id is made and answered", request("GET /x")),
  c(
    "requestIdKept",
    "a uuid of the client is kept",
    request("GET /x", "x-request-id: 7f000001-aaaa-4bbb-8ccc-000000000001"),
  ),
  c("requestIdOff", "no request id is made", request("GET /x")),
  c("requestIdOff", "a client's request id passes", request("GET /x", "x-request-id: mine")),
  c("requestIdAnswered", "the request id is in the answer", request("GET /x")),
  c("requestIdAnswered", "a client's request id is in the answer", request("GET /x", "x-request-id: mine")),
  c("via", "via is added both ways", request("GET /x")),
  c("via", "via is appended both ways", request("GET /x", "via: 1.0 other", "x-do: header:via=1.1%20back")),
  c("via", "the server's name is overwritten", request("GET /x", "x-do: header:server=back")),
  c("serverAbsent", "the backend's server is kept", request("GET /x", "x-do: header:server=back")),
  c("serverAbsent", "an absent server is added", request("GET /x")),
  c("serverPass", "the backend's server passes", request("GET /x", "x-do: header:server=back")),
  c("serverPass", "an absent server stays absent", request("GET /x")),
  c("serverPass", "the proxy's own answer", request("GET http:///")),
  c("underscoresRefused", "an underscore in a name is refused", request("GET /x", "x_a: 1")),
  c("underscoresRefused", "an underscore in an answer passes", request("GET /x", "x-do: header:x_a=1")),
  c("underscoresDropped", "an underscore in a name drops the field", request("GET /x", "x_a: 1", "x-b: 2")),
  c("sidecar", "an underscore in a name passes", request("GET /x", "x_a: 1")),
  ...[
    "example.test:80",
    "example.test:8080",
    "[::1]:8080",
    "example.test.",
    "example.test.:80",
    "EXAMPLE.test",
  ].flatMap((host) =>
    ["stripPort", "stripAnyPort", "stripDot"].map((setup) =>
      c(setup, `${setup}: host ${host}`, request("GET /x", `host: ${host}`)),
    ),
  ),
  c("https", "the scheme is overwritten", request("GET /x")),
  c("https", "the scheme of an absolute target is overwritten", request("GET http://e.test/x")),
  c("preserveCase", "names keep their case both ways", request("GET /x", "X-MiXed: 1", "x-do: header:X-AnsWer=1")),
  c("properCase", "names get capitals downstream", request("GET /x", "x-do: header:x-answer-field=1")),
  c("userAgent", "an absent user agent is added", request("GET /x")),
  c("userAgent", "a user agent is kept", request("GET /x", "user-agent: me")),
  c("userAgent", "an empty user agent is replaced", request("GET /x", "user-agent:")),
  ...["userAgent", "userAgentEdge", "userAgentOfNobody"].map((setup) =>
    c(
      setup,
      "who sends is said anew with add_user_agent",
      request("GET /x", "x-envoy-downstream-service-cluster: c", "x-envoy-downstream-service-node: n"),
    ),
  ),
  c("userAgentOfNobody", "a node without a name has no user agent", request("GET /x")),
  c("sidecar", "a user agent passes", request("GET /x", "user-agent: me")),
  c("quietRouter", "no x-envoy fields either way", request("GET /x")),
  c(
    "quietRouter",
    "x-envoy fields of the backend",
    request("GET /x", "x-do: header:x-envoy-upstream-service-time=7 header:x-envoy-overloaded=true"),
  ),
  c(
    "sidecar",
    "x-envoy fields of the backend",
    request(
      "GET /x",
      "x-do: header:x-envoy-upstream-service-time=7 header:x-envoy-overloaded=true header:x-envoy-degraded=true header:x-envoy-immediate-health-check-fail=true header:x-request-id=b",
    ),
  ),
  c("sidecar", "a date of the backend is kept", request("GET /x", "x-do: header:date=yesterday")),
  c("clientCert", "a client's certificate field is removed", request("GET /x", "x-forwarded-client-cert: By=a")),
  {
    ...c("proxy100", "Expect goes to the backend and its 100 comes back", ""),
    send: [request("POST /x", "expect: 100-continue", "content-length: 2", "x-do: continue"), "ok"],
    answers: 0,
    finish: "hold",
    holdMs: 200,
  },
];

function c(setup: string, name: string, send: string): Case {
  return { name, setup, send };
}
