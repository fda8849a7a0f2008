import { startToldService } from "../../rate-limit-service.ts";
import { cluster } from "../bootstrap.ts";
import { request, withBody } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";
import { metadata } from "./ext-authz.ts";

const type = "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.";
const name = "envoy.filters.http.ratelimit";
const grpc: Json = {
  typed_extension_protocol_options: {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};
const filter = (more: Json = {}): Json => ({
  name,
  typed_config: {
    "@type": `${type}RateLimit`,
    domain: "tests",
    timeout: "2s",
    rate_limit_service: {
      grpc_service: { envoy_grpc: { cluster_name: "service{lane}" } },
      transport_api_version: "V3",
    },
    ...more,
  },
});
const perRoute = (more: Json): Json => ({
  typed_per_filter_config: { [name]: { "@type": `${type}RateLimitPerRoute`, ...more } },
});
const told: Json = { request_headers: { header_name: "x-limit", descriptor_key: "do" } };
const key = (value: string): Json => ({ generic_key: { descriptor_value: value } });
const route = (prefix: string, action: Json = {}, more: Json = {}): Json => ({
  match: { prefix },
  route: { ...(action.cluster_header === undefined ? { cluster: "backend{lane}" } : {}), ...action },
  ...more,
});
const limits = (...list: Json[]): Json => ({ rate_limits: list });
const setup = (more: Json, rest: Partial<Setup> = {}): Setup => ({
  service: startToldService,
  filters: [filter(more)],
  clusters: [cluster("service", grpc, ["{service}"]), cluster("closed", grpc, [1])],
  virtualHosts: [
    {
      name: "all",
      domains: ["*"],
      rate_limits: [{ actions: [key("host")] }],
      routes: [
        { match: { prefix: "/direct" }, direct_response: { status: 200 } },
        route("/nowhere", { cluster_header: "x-cluster", ...limits({ actions: [told] }) }),
        route("/plain"),
        route("/include", { include_vh_rate_limits: true, ...limits({ actions: [told] }) }),
        route("/per-include", limits({ actions: [told] }), perRoute({ vh_rate_limits: "INCLUDE" })),
        route("/per-ignore", {}, perRoute({ vh_rate_limits: "IGNORE" })),
        route("/per-ignore-2", limits({ actions: [told] }), perRoute({ vh_rate_limits: "IGNORE" })),
        route("/per-domain", limits({ actions: [told] }), perRoute({ domain: "other" })),
        route("/per-limits", limits({ actions: [key("route")] }), perRoute(limits({ actions: [told, key("own")] }))),
        route("/stage", limits({ stage: 2, actions: [key("two")] }, { actions: [told] })),
        route(
          "/disabled",
          limits({ disable_key: "off", actions: [key("off")] }, { disable_key: "x", actions: [told] }),
        ),
        route("/override", limits({ actions: [told], limit: { rate_limit: { requests_per_unit: 42, unit: "HOUR" } } })),
        route(
          "/override-metadata",
          limits({
            actions: [told],
            limit: { dynamic_metadata: { metadata_key: { key: "a", path: [{ key: "b" }] } } },
          }),
        ),
        route("/hits-format", limits({ actions: [told], hits_addend: { format: "%REQ(x-hits)%" } })),
        route("/hits-back", limits({ actions: [told], hits_addend: { number: 2, is_negative_hits: true } })),
        route("/own-hits-format", {}, perRoute(limits({ actions: [told], hits_addend: { format: "%REQ(x-hits)%" } }))),
        route(
          "/own-hits-back",
          {},
          perRoute(limits({ actions: [told], hits_addend: { number: 2, is_negative_hits: true } })),
        ),
        route("/own-hits", {}, perRoute(limits({ actions: [told], hits_addend: { number: 5 } }))),
        route("/hits", limits({ actions: [told], hits_addend: { number: 5 } })),
        route(
          "/many",
          limits(
            { actions: [told, { remote_address: {} }, { destination_cluster: {} }] },
            { actions: [{ source_cluster: {} }] },
            { actions: [{ request_headers: { header_name: "x-none", descriptor_key: "none" } }] },
          ),
        ),
        route("/", limits({ actions: [told] })),
      ],
    },
  ],
  routeConfig: {
    response_headers_to_add: [
      {
        header: {
          key: "x-meta",
          value: "%DYNAMIC_METADATA(envoy.filters.http.ratelimit)% %DYNAMIC_METADATA(mine:a)%",
        },
      },
    ],
  },
  ...rest,
});

/** What the calls come to in the service's cluster. */
const calls = "cluster[.](service|closed)_.*upstream_rq_(\\d.*|completed|time|timeout)$";

export const ratelimitSetups: Record<string, Setup> = {
  limitService: setup({}),
  limitServiceMetadata: setup({
    rate_limit_service: {
      grpc_service: { envoy_grpc: { cluster_name: "service{lane}" }, initial_metadata: metadata },
      transport_api_version: "V3",
    },
  }),
  limitServiceHeaders: setup({
    enable_x_ratelimit_headers: "DRAFT_VERSION_03",
    disable_x_envoy_ratelimited_header: true,
    rate_limited_as_resource_exhausted: true,
    rate_limited_status: { code: "ServiceUnavailable" },
    response_headers_to_add: [{ header: { key: "x-why", value: "%RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS%" } }],
    stat_prefix: "mine",
  }),
  limitServiceRetryAfter: setup({ enable_retry_after_header: true, enable_x_ratelimit_headers: "DRAFT_VERSION_03" }),
  limitServiceRetryLater: setup({
    enable_retry_after_header: true,
    response_headers_to_add: [{ header: { key: "retry-after", value: "11" } }],
  }),
  limitServiceRetryOther: setup({
    enable_retry_after_header: true,
    rate_limited_status: { code: "ServiceUnavailable" },
  }),
  limitServiceDeny: setup({
    failure_mode_deny: true,
    status_on_error: { code: "BadGateway" },
    timeout: "0.3s",
    stat_prefix: "deny",
  }),
  limitServiceAllow: setup({ timeout: "0.3s" }),
  limitServiceDenySome: setup({
    failure_mode_deny: true,
    failure_mode_deny_percent: { default_value: { numerator: 0 } },
    timeout: "0.3s",
  }),
  limitServiceClosed: setup({
    failure_mode_deny: true,
    rate_limit_service: {
      grpc_service: { envoy_grpc: { cluster_name: "closed{lane}" } },
      transport_api_version: "V3",
    },
  }),
  limitServiceNone: setup({
    rate_limit_service: { grpc_service: { envoy_grpc: { cluster_name: "none" } }, transport_api_version: "V3" },
  }),
  limitServiceNoneDeny: setup({
    failure_mode_deny: true,
    rate_limit_service: { grpc_service: { envoy_grpc: { cluster_name: "none" } }, transport_api_version: "V3" },
  }),
  limitServiceNotEnforced: setup({
    enable_retry_after_header: true,
    filter_enforced: { default_value: { numerator: 0 } },
  }),
  limitServiceOff: setup({ filter_enabled: { default_value: { numerator: 0 } } }),
  limitServiceRuntime: setup(
    { stage: 0 },
    { runtime: { "ratelimit.http_filter_enforcing": 0, "ratelimit.off.http_filter_enabled": 0 } },
  ),
  limitServiceInternal: setup({ request_type: "internal" }, { manager: { use_remote_address: true } }),
  limitServiceExternal: setup({ request_type: "external" }),
  limitServiceStage: setup({ stage: 2 }),
  limitServiceOwn: setup({ rate_limits: [{ actions: [told, key("filter")] }], metadata_namespace: "mine" }),
};

const get = (setupName: string, path: string, told = "", ...fields: string[]): Case => ({
  name: `rate limit service: ${setupName} ${path} ${told} ${fields.join(" ")}`,
  setup: setupName,
  send: request(`GET ${path}`, ...(told === "" ? [] : [`x-limit: ${told}`]), ...fields),
});

export const ratelimitCases: Case[] = [
  get("limitServiceMetadata", "/"),
  get("limitServiceMetadata", "/plain", "", "x-a: 1", "x-a: 2"),
  ...[
    "/",
    "/direct",
    "/nowhere",
    "/plain",
    "/include",
    "/per-include",
    "/per-ignore",
    "/per-ignore-2",
    "/per-domain",
    "/per-limits",
    "/stage",
    "/disabled",
    "/override",
    "/override-metadata",
    "/hits",
    "/hits-format",
    "/hits-back",
    "/own-hits",
    "/own-hits-format",
    "/own-hits-back",
    "/many",
  ].map((path) => get("limitService", path, "ok")),
  get("limitService", "/hits-format", "ok", "x-hits: 17"),
  get("limitService", "/own-hits-format", "ok", "x-hits: 17"),
  get("limitService", "/own-hits-format", "ok", "x-hits: 0"),
  ...["x", "-1", "1.5", "1000000000", "1000000001", "0.5", "1000000000.5", "+5", "007", "1e3", ".5E1"].map((hits) =>
    get("limitService", "/own-hits-format", "ok", `x-hits: ${hits}`),
  ),
  get("limitService", "/"),
  get("limitService", "/", "over"),
  get("limitService", "/", "over", "content-type: application/grpc"),
  get("limitService", "/", "over body:Slow%20down"),
  get("limitService", "/", "over body:{} resp:content-type=application/json"),
  get("limitService", "/", "resp:x-a=1 resp:x-a=2 resp:X-Upper=u resp:server=mine"),
  get("limitService", "/", "over resp:x-a=1 resp:x-envoy-ratelimited=maybe"),
  get("limitService", "/", "req:x-a=1 req:x-a=2 req:X-Upper=u", "x-a: 0"),
  get("limitService", "/", "meta:a=b meta:c=d"),
  get("limitService", "/", "over meta:a=b"),
  get("limitService", "/", "unknown"),
  get("limitService", "/", "status:10,1,4,1"),
  { ...get("limitService", "/", "slow:100"), send: withBody("POST /", "0123456789", "x-limit: slow:100") },
  {
    name: "rate limit service: stats",
    setup: "limitService",
    send: "",
    stats: `ratelimit[.]|cluster.backend.*upstream_rq_(429|4xx|completed)|${calls}`,
  },
  ...[
    "status:10,1,4,1",
    "status:10,2,4,7 status:5,3,3,9,named",
    "status:10,4,4,7,day,2 status:,0,1,1",
    "status:10,7,4,7 status:9,5,4,8 status:8,6,4,9",
    "status:10,0,4,7",
    "over status:10,1,0,1",
    "over status:3,2,0,60 body:no",
  ].map((words) => get("limitServiceHeaders", "/", words)),
  get("limitServiceHeaders", "/", "over", "content-type: application/grpc"),
  { name: "rate limit service: stats with a prefix", setup: "limitServiceHeaders", send: "", stats: "ratelimit[.]" },
  ...["grpc:14", "http:503", "garbage", "nothing", "silent", "reset", "slow:20"].flatMap((words) => [
    get("limitServiceDeny", "/", words),
    get("limitServiceAllow", "/", words),
  ]),
  get("limitServiceDeny", "/", "grpc:14", "content-type: application/grpc"),
  {
    name: "rate limit service: stats of failures",
    setup: "limitServiceDeny",
    send: "",
    stats: `ratelimit[.]|${calls}`,
  },
  {
    name: "rate limit service: stats of allowed failures",
    setup: "limitServiceAllow",
    send: "",
    stats: `ratelimit[.]|${calls}`,
  },
  ...[
    "over limited:10,1,0,7",
    "over limited:10,2,0,7 limited:10,2,0,30 status:10,2,1,50",
    "over limited:,1,0,7",
    "over limited:1,0,0,0",
    "limited:10,1,0,7",
    "over limited:10,1,0,",
    "over limited:10,1,0, limited:10,1,0,6",
    "over limited:10,1,0,7 resp:retry-after=9",
    "over status:10,1,0,7",
    "over status:10,2,0,7 status:10,2,0,30 status:1,2,3,50",
    "status:10,1,0,7",
    "over",
    "over status:10,1,0,0",
    "over resp:retry-after=9 status:10,1,0,7",
  ].map((words) => get("limitServiceRetryAfter", "/", words)),
  get("limitServiceRetryLater", "/", "over limited:10,1,0,7"),
  get("limitServiceRetryAfter", "/", "over limited:10,1,0,7", "content-type: application/grpc"),
  get("limitServiceRetryOther", "/", "over limited:10,1,0,7"),
  get("limitServiceDenySome", "/", "grpc:14"),
  get("limitServiceClosed", "/", "ok"),
  get("limitServiceNone", "/", "ok"),
  get("limitServiceNoneDeny", "/", "ok"),
  get("limitServiceNotEnforced", "/", "over resp:x-a=1 req:x-b=1"),
  get("limitServiceNotEnforced", "/", "over limited:10,1,0,7"),
  get("limitServiceOff", "/", "over"),
  get("limitServiceRuntime", "/", "over"),
  get("limitServiceRuntime", "/disabled", "ok"),
  get("limitServiceInternal", "/", "over"),
  get("limitServiceInternal", "/", "over", "x-forwarded-for: 10.0.0.1"),
  get("limitServiceExternal", "/", "over"),
  get("limitServiceExternal", "/", "over", "x-envoy-internal: true", "x-forwarded-for: 10.0.0.1"),
  get("limitServiceStage", "/stage", "over"),
  get("limitServiceStage", "/", "over"),
  get("limitServiceOwn", "/", "ok"),
  get("limitServiceOwn", "/plain", "meta:a=b"),
  get("limitServiceOwn", "/per-limits", "ok"),
  get("limitServiceOwn", "/per-domain", "ok meta:a=b"),
];
