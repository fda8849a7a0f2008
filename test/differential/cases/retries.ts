import { cluster } from "../bootstrap.ts";
import { request, withBody, withChunks } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const quick: Json = { base_interval: "0.001s", max_interval: "0.002s" };
const at = (prefix: string, retry: Json | null, more: Json = {}, of: Json = {}): Json => ({
  name: prefix,
  match: { prefix },
  route: {
    cluster: "backend{lane}",
    ...(retry === null ? {} : { retry_policy: { retry_back_off: quick, ...retry } }),
    ...more,
  },
  ...of,
});

/** What retry_on may say, each on a route of its own. */
const conditions = {
  "5xx": {},
  "gateway-error": {},
  reset: {},
  "reset-before-request": {},
  "connect-failure": {},
  "envoy-ratelimited": {},
  "retriable-4xx": {},
  "refused-stream": {},
  "retriable-status-codes": { retriable_status_codes: [404, 418] },
  "retriable-headers": {
    retriable_headers: [{ name: "x-retry", string_match: { exact: "yes" } }, { name: "x-any" }],
  },
  "http3-post-connect-failure": {},
  cancelled: {},
  "deadline-exceeded": {},
  internal: {},
  "resource-exhausted": {},
  unavailable: {},
  nonsense: {},
} satisfies Record<string, Json>;

const answers = [
  "status:500",
  "status:503",
  "status:409",
  "status:404",
  "status:429 header:x-envoy-ratelimited=true",
  "header:x-retry=yes header:x-any=1",
  "drop",
  "reset",
];
const grpcCodes = [0, 1, 2, 4, 8, 13, 14];

const breakers = (limits: Json): Json => ({ circuit_breakers: { thresholds: [{ ...limits }] } });
const priorities = (name: string): Json =>
  cluster(name, {
    load_assignment: {
      cluster_name: `${name}{lane}`,
      endpoints: ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map((address, priority) => ({
        priority,
        lb_endpoints: [{ endpoint: { address: { socket_address: { address, port_value: "{port}" } } } }],
      })),
    },
  });
const previousPriorities = (frequency: number): Json => ({
  retry_priority: {
    name: "previous",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
      update_frequency: frequency,
    },
  },
});
/** Three hosts by a consistent hash of their names: the same for every proxy, whatever the port. */
const hashed = (name: string, policy: string): Json =>
  cluster(name, {
    lb_policy: policy,
    ...(policy === "MAGLEV"
      ? { maglev_lb_config: { table_size: 251 } }
      : { ring_hash_lb_config: { minimum_ring_size: 64 } }),
    load_assignment: {
      cluster_name: `${name}{lane}`,
      endpoints: [
        {
          lb_endpoints: ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"].map((address, i) => ({
            endpoint: { address: { socket_address: { address, port_value: "{port}" } } },
            metadata: { filter_metadata: { "envoy.lb": { hash_key: `host-${i}` } } },
          })),
        },
      ],
    },
  });
const previousHosts: Json = {
  retry_host_predicate: [
    {
      name: "previous",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
      },
    },
  ],
};
const ownPolicy: Json = {
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http_protocol_options: {} },
      retry_policy: { retry_on: "5xx", num_retries: 2, retry_back_off: quick },
    },
  },
};
const limitedBackoff: Json = {
  reset_headers: [
    { name: "retry-after", format: "SECONDS" },
    { name: "X-RateLimit-Reset", format: "UNIX_TIMESTAMP" },
  ],
  max_interval: "2s",
};
const trusting: Json = {
  use_remote_address: true,
  internal_address_config: { cidr_ranges: [{ address_prefix: "127.0.0.0", prefix_len: 8 }] },
};
const counted: Json = { include_request_attempt_count: true, include_attempt_count_in_response: true };

export const retriesSetups: Record<string, Setup> = {
  retryOn: {
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        include_request_attempt_count: true,
        include_attempt_count_in_response: true,
        routes: [
          ...Object.entries(conditions).map(([word, more]) => at(`/${word}/`, { retry_on: word, ...more })),
          at("/both/", { retry_on: "gateway-error, retriable-4xx ,unavailable" }),
          at("/upper/", { retry_on: "5XX" }),
        ],
      },
    ],
  },
  retryGrpc: {
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: Object.entries(conditions).map(([word, more]) => at(`/${word}/`, { retry_on: word, ...more })),
      },
    ],
  },
  retryPolicies: {
    manager: { http_protocol_options: { enable_trailers: true } },
    clusters: [
      cluster("refused", {}, [1]),
      cluster("none", {}, []),
      cluster("own", ownPolicy),
      cluster("tight", breakers({ max_retries: 0 })),
      cluster("single", breakers({ max_retries: 1 })),
      cluster("budget", breakers({ retry_budget: { budget_percent: { value: 100 }, min_retry_concurrency: 0 } })),
      cluster("broke", breakers({ retry_budget: { budget_percent: { value: 0 }, min_retry_concurrency: 0 } })),
      cluster("generous", breakers({ max_retries: 0, retry_budget: {} })),
      cluster("full", breakers({ max_requests: 0 })),
      priorities("prio"),
      hashed("ring", "RING_HASH"),
      hashed("maglev", "MAGLEV"),
    ],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        ...counted,
        include_is_timeout_retry_header: true,
        retry_policy: { retry_on: "retriable-4xx", num_retries: 2, retry_back_off: quick },
        per_request_buffer_limit_bytes: 20,
        routes: [
          at("/zero", { retry_on: "5xx", num_retries: 0 }),
          at("/three", { retry_on: "5xx,reset,connect-failure", num_retries: 3 }),
          at("/vhost", null),
          at("/may", {
            retry_on: "5xx",
            retriable_request_headers: [{ name: "x-may" }, { name: ":method", string_match: { exact: "PUT" } }],
          }),
          at("/refused", { retry_on: "connect-failure", num_retries: 2 }, { cluster: "refused{lane}" }),
          at("/unrefused", { retry_on: "retriable-4xx", num_retries: 2 }, { cluster: "refused{lane}" }),
          at("/none", { retry_on: "5xx", num_retries: 2 }, { cluster: "none{lane}" }),
          at("/own", { retry_on: "retriable-4xx", num_retries: 5 }, { cluster: "own{lane}" }),
          at("/tight", { retry_on: "5xx" }, { cluster: "tight{lane}" }),
          at(
            "/single-late",
            { retry_on: "5xx", retry_back_off: { base_interval: "100000s", max_interval: "100000s" } },
            { cluster: "single{lane}" },
          ),
          at("/single", { retry_on: "5xx" }, { cluster: "single{lane}" }),
          at("/budget", { retry_on: "5xx" }, { cluster: "budget{lane}" }),
          at("/broke", { retry_on: "5xx" }, { cluster: "broke{lane}" }),
          at("/generous", { retry_on: "5xx" }, { cluster: "generous{lane}" }),
          at("/full", { retry_on: "5xx" }, { cluster: "full{lane}" }),
          at("/prio1", { retry_on: "5xx", num_retries: 4, ...previousPriorities(1) }, { cluster: "prio{lane}" }),
          at("/prio2", { retry_on: "5xx", num_retries: 4, ...previousPriorities(2) }, { cluster: "prio{lane}" }),
          ...["ring", "maglev"].flatMap((name) =>
            [0, 1, 20].map((most) =>
              at(
                `/${name}${most}/`,
                { retry_on: "5xx", num_retries: 5, ...previousHosts, host_selection_retry_max_attempts: most },
                { cluster: `${name}{lane}`, hash_policy: [{ header: { header_name: "x-key" } }] },
              ),
            ),
          ),
          at("/small", { retry_on: "5xx" }, {}, { per_request_buffer_limit_bytes: 5 }),
          at("/large", { retry_on: "5xx" }, {}, { request_body_buffer_limit: 100, per_request_buffer_limit_bytes: 5 }),
          at("/nothing", { retry_on: "5xx" }, {}, { request_body_buffer_limit: 0 }),
          at(
            "/slow",
            { retry_on: "5xx", retry_back_off: { base_interval: "100000s", max_interval: "100000s" } },
            { timeout: "0.3s" },
          ),
          at(
            "/added",
            { num_retries: 1 },
            {},
            { request_headers_to_add: [{ header: { key: "x-envoy-retry-on", value: "5xx" } }] },
          ),
          at("/rewrite", { retry_on: "5xx" }, { prefix_rewrite: "/other", host_rewrite_literal: "up" }),
          at("/mirror", { retry_on: "5xx" }, { append_x_forwarded_host: true, host_rewrite_literal: "up" }),
        ],
      },
    ],
  },
  tries: {
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        ...counted,
        include_is_timeout_retry_header: true,
        routes: [
          at("/5xx", { retry_on: "5xx", per_try_timeout: "0.4s" }),
          at("/reset", { retry_on: "reset", per_try_timeout: "0.4s" }),
          at("/connect", { retry_on: "connect-failure", per_try_timeout: "0.4s" }),
          at("/plain", { per_try_timeout: "0.4s" }),
          at("/long", { retry_on: "5xx", per_try_timeout: "1s" }, { timeout: "0.5s" }),
          at("/equal", { retry_on: "5xx", per_try_timeout: "0.5s" }, { timeout: "0.5s" }),
          at("/endless", { retry_on: "5xx", per_try_timeout: "0.4s" }, { timeout: "0s" }),
          at("/idle", { retry_on: "5xx", per_try_idle_timeout: "0.4s" }),
          at("/both", { retry_on: "5xx", per_try_idle_timeout: "0.8s", per_try_timeout: "0.4s" }),
          at("/overall", { retry_on: "5xx", num_retries: 9, per_try_timeout: "0.4s" }, { timeout: "1s" }),
          at("/limited", {
            retry_on: "5xx,retriable-headers",
            rate_limited_retry_back_off: limitedBackoff,
            retriable_headers: [{ name: "retry-after" }],
          }),
        ],
      },
    ],
  },
  hedged: {
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        ...counted,
        hedge_policy: { hedge_on_per_try_timeout: true },
        routes: [
          at("/one", { retry_on: "5xx", per_try_timeout: "1s" }),
          at("/two", { retry_on: "5xx", num_retries: 2, per_try_timeout: "1s" }),
          at("/whatever", { retry_on: "connect-failure", per_try_timeout: "1s" }),
          at("/without", { per_try_timeout: "1s" }, { timeout: "1.5s" }),
          at("/off", { retry_on: "5xx", per_try_timeout: "1s" }, { hedge_policy: {} }),
          at("/idle", { retry_on: "5xx", per_try_idle_timeout: "1s" }),
          at(
            "/chance",
            { retry_on: "5xx", per_try_timeout: "5s" },
            { hedge_policy: { initial_requests: 3, additional_request_chance: { numerator: 100 } } },
          ),
        ],
      },
    ],
  },
  retryAsked: {
    manager: trusting,
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        ...counted,
        routes: [
          at("/policy", { retry_on: "retriable-4xx", num_retries: 1, retriable_status_codes: [418] }),
          at("/may", { retry_on: "5xx", retriable_request_headers: [{ name: "x-may" }] }),
          {
            name: "/hidden",
            match: { prefix: "/hidden" },
            route: { cluster: "backend{lane}", hedge_policy: { hedge_on_per_try_timeout: true } },
          },
          { name: "/", match: { prefix: "/" }, route: { cluster: "backend{lane}", timeout: "3s" } },
        ],
      },
    ],
  },
  retryEdge: {
    manager: { use_remote_address: true },
    virtualHosts: [
      { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "backend{lane}" } }] },
    ],
  },
  retryBare: {
    router: { suppress_envoy_headers: true },
    runtime: { upstream: { base_retry_backoff_ms: 1 } },
    clusters: [cluster("full", breakers({ max_requests: 0 }))],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        ...counted,
        include_is_timeout_retry_header: true,
        routes: [
          {
            name: "/full",
            match: { prefix: "/full" },
            route: { cluster: "full{lane}", retry_policy: { retry_on: "5xx" } },
          },
          { name: "/", match: { prefix: "/" }, route: { cluster: "backend{lane}", retry_policy: { retry_on: "5xx" } } },
        ],
      },
    ],
  },
  retryOff: {
    runtime: { upstream: { use_retry: 0 } },
    virtualHosts: [{ name: "all", domains: ["*"], routes: [at("/", { retry_on: "5xx" })] }],
  },
};

export const retriesCases: readonly Case[] = [
  ...Object.keys(conditions).flatMap((word) =>
    answers.map((answer) =>
      c("retryOn", `retry_on ${word}: ${answer}`, request(`GET /${word}/x`, `x-do: ${answer} | status:200`)),
    ),
  ),
  c("retryOn", "several words and blanks", request("GET /both/x", "x-do: status:502 | header:grpc-status=14")),
  c("retryOn", "words in upper case", request("GET /upper/x", "x-do: status:503 | status:200")),
  stats("retryOn", "cluster\\.backend.*upstream_rq_(\\d|retry|total|comp)|cluster\\.backend.*(retry\\.|rq_(5|2|4))"),
  ...["cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable", "5xx"].flatMap((word) =>
    grpcCodes.map((code) =>
      c(
        "retryGrpc",
        `retry_on ${word}: gRPC status ${code}`,
        withBody(
          `POST /${word}/x`,
          "abc",
          "content-type: application/grpc",
          "te: trailers",
          `x-do: header:content-type=application/grpc header:grpc-status=${code} size:0 | status:200`,
        ),
      ),
    ),
  ),
  c("retryPolicies", "num_retries 0", request("GET /zero", "x-do: status:503")),
  c(
    "retryPolicies",
    "three retries and then a response",
    request("GET /three", "x-do: status:503 | drop | status:500 | status:200"),
  ),
  c("retryPolicies", "three retries are not enough", request("GET /three", "x-do: status:503")),
  c("retryPolicies", "three resets", request("GET /three", "x-do: drop")),
  c(
    "retryPolicies",
    "a response, then a reset",
    request("GET /three", "x-do: status:503 | status:503 | status:503 | reset"),
  ),
  c(
    "retryPolicies",
    "a response that does not want a retry ends it",
    request("GET /three", "x-do: status:503 | status:404"),
  ),
  c("retryPolicies", "a retried response has a body", request("GET /three", "x-do: size:100000 status:500 | size:3")),
  c("retryPolicies", "a retried response is cut", request("GET /three", "x-do: cut size:1000 status:500 | size:3")),
  c("retryPolicies", "a body is sent again", withBody("POST /three", "hello", "x-do: status:503 | drop | size:7")),
  c(
    "retryPolicies",
    "a chunked body is sent again",
    withChunks("POST /three", ["hello", "world"], [], "x-do: status:503 | drop | size:7"),
  ),
  c(
    "retryPolicies",
    "a body with trailers is sent again",
    withChunks("POST /three", ["hello", "world"], ["x-t: 1"], "x-do: status:503 | status:200"),
  ),
  c(
    "retryPolicies",
    "an empty chunked body is sent again",
    withChunks("POST /three", [], [], "x-do: status:503 | status:200"),
  ),
  c("retryPolicies", "a length of 0 is sent again", withBody("POST /three", "", "x-do: status:503 | status:200")),
  c("retryPolicies", "HEAD is retried", request("HEAD /three", "x-do: status:503 | status:200")),
  c(
    "retryPolicies",
    "a reset before the request is complete",
    withBody("POST /three", "{{a*15}}", "x-do: early drop | status:200"),
  ),
  c(
    "retryPolicies",
    "a response before the request is complete",
    withBody("POST /three", "{{a*15}}", "x-do: early status:503 | status:200"),
  ),
  c(
    "retryPolicies",
    "nothing is retried once the response began",
    request("GET /three", "x-do: cut size:100 | status:200"),
  ),
  c(
    "retryPolicies",
    "nothing is retried after 100 (Continue)",
    withBody("POST /three", "abc", "x-do: continue status:503 | status:200"),
  ),
  c(
    "retryPolicies",
    "nothing is retried after 103",
    request("GET /three", "x-do: interim:103 status:503 | status:200"),
  ),
  c(
    "retryPolicies",
    "a broken response is retried",
    request("GET /three", "x-do: raw:garbage%0d%0a%0d%0a | status:200"),
  ),
  c("retryPolicies", "the virtual host's policy", request("GET /vhost", "x-do: status:409 | status:409 | status:200")),
  c(
    "retryPolicies",
    "the virtual host's limit of bodies",
    withBody("POST /vhost", "{{a*21}}", "x-do: status:409 | status:200"),
  ),
  c(
    "retryPolicies",
    "the virtual host's limit of bodies is not reached",
    withBody("POST /vhost", "{{a*20}}", "x-do: status:409 | status:200"),
  ),
  c(
    "retryPolicies",
    "retriable_request_headers match",
    request("GET /may", "x-may: 1", "x-do: status:503 | status:200"),
  ),
  c(
    "retryPolicies",
    "another of retriable_request_headers matches",
    request("PUT /may", "x-do: status:503 | status:200"),
  ),
  c("retryPolicies", "no retriable_request_headers match", request("GET /may", "x-do: status:503 | status:200")),
  c("retryPolicies", "no connection", request("GET /refused")),
  c("retryPolicies", "no connection for a body", withBody("POST /refused", "hello")),
  c("retryPolicies", "no connection where only responses are retried", request("GET /unrefused")),
  c("retryPolicies", "no host", request("GET /none")),
  c(
    "retryPolicies",
    "the policy of the cluster wins",
    request("GET /own", "x-do: status:503 | status:503 | status:200"),
  ),
  c(
    "retryPolicies",
    "the policy of the cluster wins over the route's",
    request("GET /own", "x-do: status:409 | status:200"),
  ),
  c("retryPolicies", "max_retries", request("GET /tight", "x-do: status:503 | status:200")),
  c("retryPolicies", "max_retries and a reset", request("GET /tight", "x-do: drop | status:200")),
  {
    ...c(
      "retryPolicies",
      "a retry under way counts for max_retries",
      request("GET /single", "x-do: close status:503 | close status:503 | close status:503 | status:200"),
    ),
    beside: [request("GET /single", "x-do: close status:503 | delay:1400")],
  },
  {
    ...c(
      "retryPolicies",
      "a retry that is waited for counts for max_retries",
      request("GET /single", "x-do: status:503 | status:503 | status:200"),
    ),
    beside: [request("GET /single-late", "x-do: status:503")],
  },
  c("retryPolicies", "a retry budget", request("GET /budget", "x-do: status:503 | status:200")),
  c("retryPolicies", "a retry budget of nothing", request("GET /broke", "x-do: status:503 | status:200")),
  c(
    "retryPolicies",
    "the least concurrency of a retry budget",
    request("GET /generous", "x-do: status:503 | status:200"),
  ),
  c("retryPolicies", "an overflow is not retried", request("GET /full")),
  c("retryPolicies", "previous priorities, each time", request("GET /prio1", "x-do: status:503")),
  c("retryPolicies", "previous priorities, every second time", request("GET /prio2", "x-do: status:503")),
  ...["ring", "maglev"].flatMap((name) =>
    [0, 1, 20].flatMap((most) =>
      ["a", "b", "c"].map((key) =>
        slow(
          "retryPolicies",
          `previous hosts of a consistent hash: ${name}, ${most} choices, key ${key}`,
          request(`GET /${name}${most}/x`, `x-key: ${key}`, "x-do: status:503"),
        ),
      ),
    ),
  ),
  c("retryPolicies", "previous priorities after resets", request("GET /prio1", "x-do: drop | drop | status:200")),
  c(
    "retryPolicies",
    "a body as long as may be kept",
    withBody("POST /small", "hello", "x-do: status:503 | status:200"),
  ),
  c("retryPolicies", "a body too long to be kept", withBody("POST /small", "hello!", "x-do: status:503 | status:200")),
  c(
    "retryPolicies",
    "chunks too long to be kept",
    withChunks("POST /small", ["abc", "def"], [], "x-do: status:503 | status:200"),
  ),
  c(
    "retryPolicies",
    "request_body_buffer_limit wins",
    withBody("POST /large", "{{a*100}}", "x-do: status:503 | status:200"),
  ),
  c(
    "retryPolicies",
    "a body over request_body_buffer_limit",
    withBody("POST /large", "{{a*101}}", "x-do: status:503 | status:200"),
  ),
  c("retryPolicies", "nothing may be kept", withBody("POST /nothing", "a", "x-do: status:503 | status:200")),
  c("retryPolicies", "nothing has to be kept", request("GET /nothing", "x-do: status:503 | status:200")),
  c(
    "retryPolicies",
    "the time is up while a retry is waited for",
    request("GET /slow", "x-do: status:503 | status:200"),
  ),
  {
    ...c("retryPolicies", "the client leaves while a retry is waited for", ""),
    send: request("GET /slow", "x-do: status:503 | status:200"),
    finish: "half-close",
    holdMs: 100,
  },
  c("retryPolicies", "the route's own header asks for retries", request("GET /added", "x-do: status:503 | status:200")),
  c("retryPolicies", "rewrites are not done again", request("GET /rewrite/a", "x-do: status:503 | status:200")),
  c("retryPolicies", "x-forwarded-host is not added again", request("GET /mirror/a", "x-do: status:503 | status:200")),
  {
    ...c("retryPolicies", "one connection, several retried requests", ""),
    send: [
      request("GET /three", "x-do: status:503 | status:200 | drop | status:200"),
      request("GET /three", "x-do: drop | status:200"),
    ],
  },
  stats(
    "retryPolicies",
    "^cluster\\.[^f].*(retry($|_(success|overflow|limit|backoff))|rq_(1|2|4|5|total|comp|pending_total|cancel|timeout|rx|tx)|cx_(total|connect_fail|none|destroy))",
  ),
  ...["5xx", "reset", "connect", "plain", "long", "equal", "endless", "idle", "both", "overall"].flatMap((path) => [
    slow("tries", `${path}: no answer`, request(`GET /${path}`, "x-do: silent")),
    slow("tries", `${path}: no answer, then one`, request(`GET /${path}`, "x-do: silent | status:200")),
    slow(
      "tries",
      `${path}: a slow body`,
      request(`GET /${path}`, "x-do: raw:HTTP/1.1%20200%20OK%0d%0acontent-length:%2010%0d%0a%0d%0aabc"),
    ),
  ]),
  slow("tries", "a body, no answer, then one", withBody("POST /5xx", "hello", "x-do: silent | size:7")),
  slow(
    "tries",
    "the limit of a try does not run before the request is complete",
    "POST /5xx HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nx-do: status:200\r\n\r\nhello",
  ),
  slow(
    "tries",
    "204 for a time limit that is asked for",
    request("GET /5xx", "x-do: silent", "x-envoy-upstream-rq-timeout-alt-response: 1"),
  ),
  slow(
    "tries",
    "retry-after is waited for",
    request("GET /limited", "x-do: status:503 header:retry-after=1 | status:200"),
  ),
  slow(
    "tries",
    "retry-after over the limit",
    request("GET /limited", "x-do: status:503 header:retry-after=100 | status:200"),
  ),
  slow(
    "tries",
    "retry-after that is no number",
    request("GET /limited", "x-do: status:503 header:retry-after=soon | status:200"),
  ),
  slow(
    "tries",
    "retry-after of nothing",
    request("GET /limited", "x-do: status:503 header:retry-after=0 | status:200"),
  ),
  slow(
    "tries",
    "a reset time in the past",
    request("GET /limited", "x-do: status:503 header:x-ratelimit-reset=1000 | status:200"),
  ),
  slow("tries", "retry-after of a good response", request("GET /limited", "x-do: header:retry-after=1 | status:200")),
  stats("tries", "^cluster.*(retry|per_try|rq_(5|2|4|total|comp|timeout|cancel)|cx_(total|destroy))"),
  ...["one", "two", "whatever", "off", "idle"].flatMap((path) => [
    slow("hedged", `${path}: the second is faster`, request(`GET /${path}`, "x-do: silent | header:x-n=2")),
    slow("hedged", `${path}: no answer`, request(`GET /${path}`, "x-do: silent")),
    slow(
      "hedged",
      `${path}: the first comes after all`,
      request(`GET /${path}`, "x-do: delay:1400 header:x-n=1 | silent"),
    ),
    slow(
      "hedged",
      `${path}: the first is bad, then the second good`,
      request(`GET /${path}`, "x-do: delay:1400 status:503 | delay:700 header:x-n=2 | silent"),
    ),
    slow(
      "hedged",
      `${path}: the first is lost, then the second good`,
      request(`GET /${path}`, "x-do: delay:1400 drop | delay:700 header:x-n=2 | silent"),
    ),
  ]),
  slow("hedged", "nothing is hedged without retries", request("GET /without", "x-do: silent")),
  slow("hedged", "all are bad", request("GET /one", "x-do: delay:1400 status:503 | delay:700 status:502")),
  c("hedged", "a body goes to both", withBody("POST /one", "hello", "x-do: silent | size:7")),
  c(
    "hedged",
    "initial_requests and additional_request_chance do nothing",
    request("GET /chance", "x-do: status:503 | delay:50"),
  ),
  stats("hedged", "^cluster.*(retry|per_try|rq_(5|2|4|total|comp|timeout|cancel)|cx_(total|destroy))"),
  ...[
    ["x-envoy-retry-on: 5xx"],
    ["x-envoy-retry-on: gateway-error,reset"],
    ["x-envoy-retry-on: nonsense"],
    ["x-envoy-retry-grpc-on: unavailable"],
    ["x-envoy-max-retries: 3"],
    ["x-envoy-retry-on: 5xx", "x-envoy-max-retries: 3"],
    ["x-envoy-retry-on: 5xx", "x-envoy-max-retries: 0"],
    ["x-envoy-retry-on: 5xx", "x-envoy-max-retries: many"],
    ["x-envoy-retry-on: retriable-status-codes", "x-envoy-retriable-status-codes: 500, 503"],
    ["x-envoy-retry-on: retriable-status-codes"],
    ["x-envoy-retriable-status-codes: 503"],
    ["x-envoy-retry-on: retriable-headers", "x-envoy-retriable-header-names: X-Again, x-other"],
    ["x-envoy-retry-on: 5xx", "x-envoy-attempt-count: 7"],
    ["x-envoy-retry-on: 5xx", "x-envoy-is-timeout-retry: true"],
  ].flatMap((fields) =>
    ["/policy", "/may", "/"].map((path) =>
      c(
        "retryAsked",
        `${path} ${fields.join(" ")}`,
        request(
          `GET ${path}`,
          ...fields,
          "x-do: status:503 header:x-again=1 header:grpc-status=14 | status:503 | status:200",
        ),
      ),
    ),
  ),
  slow(
    "retryAsked",
    "the limit of a try is asked for",
    request(
      "GET /",
      "x-envoy-retry-on: 5xx",
      "x-envoy-upstream-rq-per-try-timeout-ms: 500",
      "x-do: silent | status:200",
    ),
  ),
  slow(
    "retryAsked",
    "the limit of a try is over the whole one",
    request(
      "GET /",
      "x-envoy-retry-on: 5xx",
      "x-envoy-upstream-rq-per-try-timeout-ms: 3500",
      "x-do: silent | status:200",
    ),
  ),
  slow(
    "retryAsked",
    "hedging is asked for",
    request(
      "GET /",
      "x-envoy-retry-on: 5xx",
      "x-envoy-upstream-rq-per-try-timeout-ms: 500",
      "x-envoy-hedge-on-per-try-timeout: true",
      "x-do: delay:800 header:x-n=1 | silent",
    ),
  ),
  slow(
    "retryAsked",
    "no hedging is asked for",
    request(
      "GET /hidden",
      "x-envoy-retry-on: 5xx",
      "x-envoy-upstream-rq-per-try-timeout-ms: 500",
      "x-envoy-hedge-on-per-try-timeout: false",
      "x-do: silent | status:200",
    ),
  ),
  slow(
    "retryAsked",
    "hedging is asked for in other words",
    request(
      "GET /hidden",
      "x-envoy-retry-on: 5xx",
      "x-envoy-upstream-rq-per-try-timeout-ms: 500",
      "x-envoy-hedge-on-per-try-timeout: no",
      "x-do: delay:800 header:x-n=1 | silent",
    ),
  ),
  c(
    "retryEdge",
    "a stranger's x-envoy fields",
    request(
      "GET /",
      "x-envoy-retry-on: 5xx",
      "x-envoy-max-retries: 3",
      "x-envoy-retriable-status-codes: 404",
      "x-envoy-retriable-header-names: a",
      "x-envoy-retry-grpc-on: internal",
      "x-envoy-upstream-rq-per-try-timeout-ms: 1",
      "x-envoy-hedge-on-per-try-timeout: true",
      "x-envoy-attempt-count: 9",
      "x-envoy-is-timeout-retry: true",
      "x-do: status:503 | status:200",
    ),
  ),
  c("retryBare", "without Envoy's headers", request("GET /", "x-do: status:503 | status:200")),
  c("retryBare", "an overflow without Envoy's headers", request("GET /full")),
  c("retryOff", "upstream.use_retry", request("GET /", "x-do: status:503 | status:200")),
  stats("retryOff", "retry"),
];

function c(setup: string, name: string, send: string): Case {
  return { name, setup, send };
}

/** One that needs some time. */
function slow(setup: string, name: string, send: string): Case {
  return { ...c(setup, name, send), holdMs: 3500 };
}

function stats(setup: string, filter: string): Case {
  return { name: `${setup}: stats`, setup, send: "", stats: filter };
}
