import { act, customIs, list, networkInput } from "../../xds-matchers.ts";
import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const filter = (name: string, type: string, config: Json): Json => ({
  name: `envoy.filters.network.${name}`,
  typed_config: { "@type": `type.googleapis.com/envoy.extensions.filters.network.${name}.v3.${type}`, ...config },
});
const most = (max_connections: number, more: Json = {}): Json =>
  filter("connection_limit", "ConnectionLimit", { stat_prefix: "most{lane}", max_connections, ...more });
const rate = (max_tokens: number, more: Json = {}): Json =>
  filter("local_ratelimit", "LocalRateLimit", {
    stat_prefix: "rate{lane}",
    token_bucket: { max_tokens, fill_interval: "1000s" },
    ...more,
  });

const local = { address_prefix: "127.0.0.0", prefix_len: 8 };
const other = { address_prefix: "10.0.0.0", prefix_len: 8 };
const who = (range: Json, action = "ALLOW"): Json => ({
  action,
  policies: { p: { permissions: [{ any: true }], principals: [{ direct_remote_ip: range }] } },
});
const rbac = (config: Json): Json => filter("rbac", "RBAC", { stat_prefix: "who{lane}", ...config });
const sourceIn = (range: Json): Json =>
  list([
    customIs(networkInput("SourceIPInput"), "envoy.extensions.matching.input_matchers.ip.v3.Ip", {
      cidr_ranges: [range],
      stat_prefix: "ip",
    }),
    act("envoy.config.rbac.v3.Action", { name: "found" }),
  ]);

export const networkFiltersSetups: Record<string, Setup> = {
  rbacLocal: { networkFilters: [rbac({ rules: who(local) })] },
  rbacOther: { networkFilters: [rbac({ rules: who(other) })] },
  rbacDenied: { networkFilters: [rbac({ rules: who(local, "DENY"), delay_deny: "0.2s" })] },
  rbacShadow: {
    networkFilters: [rbac({ shadow_rules: who(local, "DENY"), shadow_rules_stat_prefix: "dark_", rules: who(local) })],
  },
  rbacMatcher: { networkFilters: [rbac({ matcher: sourceIn(local) })] },
  rbacNoMatch: { networkFilters: [rbac({ matcher: sourceIn(other), shadow_matcher: sourceIn(local) })] },
  rbacAlways: {
    networkFilters: [
      rbac({ enforcement_type: "CONTINUOUS", rules: who(local), shadow_rules: who(local, "DENY") }),
      filter("rbac", "RBAC", { stat_prefix: "once{lane}", rules: who(local) }),
    ],
  },
  rbacAlwaysDenied: {
    networkFilters: [rbac({ enforcement_type: "CONTINUOUS", rules: who(local, "DENY"), delay_deny: "0.2s" })],
  },
  mostOne: { networkFilters: [most(1)] },
  mostTwo: { networkFilters: [most(2)] },
  mostDelayed: { networkFilters: [most(1, { delay: "0.3s" })] },
  mostOff: { networkFilters: [most(1, { runtime_enabled: { default_value: false, runtime_key: "none" } })] },
  mostOffByRuntime: {
    networkFilters: [most(1, { runtime_enabled: { default_value: true, runtime_key: "limits" } })],
    runtime: { limits: false },
  },
  rateNone: { networkFilters: [rate(1)] },
  rateOff: { networkFilters: [rate(1, { runtime_enabled: { default_value: false, runtime_key: "none" } })] },
  rateShared: { networkFilters: [rate(2, { share_key: "all" }), rate(2, { share_key: "all" })] },
  rateBefore: { networkFilters: [rate(1), most(2)] },
  rateBehind: { networkFilters: [most(5), rate(1)] },
};

const one = (setup: string, more: Partial<Case> = {}): Case => ({
  name: `network filters: ${setup} ${JSON.stringify(more)}`,
  setup,
  send: request("GET /"),
  ...more,
});
/** Nothing is sent: what comes to a socket that closes makes a reset of its end. */
const refused = (setup: string, more: Partial<Case> = {}): Case => one(setup, { send: "", ...more });
const stats = (setup: string): Case => ({
  name: `network filters: ${setup} stats`,
  setup,
  send: "",
  stats:
    "connection_limit|local_rate_limit|rbac|^http.in.*downstream_cx_(total|http1_total|active|destroy|destroy_local|destroy_active_rq|destroy_remote_active_rq)$",
});
const beside = [request("GET /", "x-do: silent")];

const refusing = new Set(["rbacOther", "rbacDenied", "rbacNoMatch"]);

export const networkFiltersCases: Case[] = [
  ...["rbacLocal", "rbacOther", "rbacDenied", "rbacShadow", "rbacMatcher", "rbacNoMatch"].flatMap((setup) => [
    one(setup, { holdMs: 400 }),
    refusing.has(setup)
      ? {
          ...stats(setup),
          allowedDifference: "Nuncio knows the version of a connection before its first bytes are let in",
        }
      : stats(setup),
  ]),
  one("rbacAlways"),
  one("rbacAlways", { send: [request("GET /"), request("GET /2"), request("GET /3")] }),
  stats("rbacAlways"),
  one("rbacAlwaysDenied", { send: [request("GET /"), request("GET /2")], answers: 0, holdMs: 400 }),
  {
    ...stats("rbacAlwaysDenied"),
    allowedDifference: "Nuncio knows the version of a connection before its first bytes are let in",
  },
  one("mostOne"),
  refused("mostOne", { beside }),
  one("mostOne"),
  stats("mostOne"),
  one("mostTwo", { beside }),
  refused("mostTwo", { beside: [...beside, ...beside] }),
  one("mostDelayed", { beside }),
  one("mostDelayed"),
  refused("mostDelayed", { beside, finish: "half-close", holdMs: 600 }),
  stats("mostDelayed"),
  one("mostOff", { beside }),
  one("mostOffByRuntime", { beside }),
  one("rateNone", { answers: 1 }),
  refused("rateNone", { beside }),
  stats("rateNone"),
  one("rateOff", { beside }),
  one("rateShared", { answers: 1 }),
  refused("rateShared", { beside }),
  one("rateBefore", { answers: 1 }),
  refused("rateBefore"),
  { ...stats("rateBefore"), allowedDifference: "Envoy takes off connections that connection_limit never counted" },
  one("rateBehind", { answers: 1 }),
  refused("rateBehind"),
  stats("rateBehind"),
];
