import { expect, test } from "vitest";
import { ClusterSchema } from "../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { readJson } from "../proto/json-tree.ts";
import { type Problem, Problems } from "../proto/problems.ts";
import { parseCluster } from "./parse.ts";
import type { ClusterSpec } from "./spec.ts";

function parse(json: object): { spec: ClusterSpec | null; problems: Problem[] } {
  const problems = new Problems();
  const message = readJson(ClusterSchema, { name: "a", ...json }, problems, "refuse");
  if (message === null) throw new Error(problems.list.map((problem) => problem.reason).join());
  const spec = parseCluster(message, problems, {
    workers: 2,
    leniency: false,
    contexts: {
      open: (read, scope: Problems) => ({ id: 1, spec: read({ resolve: () => null }, scope) }),
      openText: () => ({ id: 1, spec: null }),
    },
  });
  return { spec, problems: problems.list };
}

function assignment(...hosts: object[]): object {
  return { cluster_name: "a", endpoints: [{ lb_endpoints: hosts }] };
}

function endpoint(address: string, more: object = {}): object {
  return { endpoint: { address: { socket_address: { address, port_value: 80 } } }, ...more };
}

const type = (name: string): string => `type.googleapis.com/${name}`;
const lbType = (name: string, message: string): string =>
  type(`envoy.extensions.load_balancing_policies.${name}.v3.${message}`);
const httpName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

test("a bare cluster has Envoy's defaults", () => {
  const { spec, problems } = parse({ load_assignment: assignment(endpoint("127.0.0.1")) });
  expect(problems).toEqual([]);
  expect(spec).toMatchObject({
    name: "a",
    observabilityName: "a",
    metadata: null,
    discovery: "STATIC",
    connectTimeoutMs: 5000,
    lb: { policy: "ROUND_ROBIN", panicThresholdPct: 50, isLocalityWeighted: false },
    overprovisioningPct: 140,
    dns: null,
    idleTimeoutMs: 3_600_000,
    maxRequestsPerConnection: 0,
    bufferLimitBytes: 1_048_576,
    tcpKeepalive: null,
  });
  expect(spec?.breakers.thresholds[1]).toMatchObject({ maxConnections: 1024, maxRequests: 1024, maxRetries: 3 });
  expect(spec?.localities[0]?.hosts[0]).toMatchObject({
    address: { host: "127.0.0.1", port: 80, path: null },
    weight: 1,
    health: "HEALTHY",
    healthStatus: 0,
  });
});

test("every field that is read arrives", () => {
  const { spec, problems } = parse({
    alt_stat_name: "other",
    connect_timeout: "0.25s",
    lb_policy: "LEAST_REQUEST",
    least_request_lb_config: { choice_count: 3 },
    common_lb_config: { healthy_panic_threshold: { value: 10 }, locality_weighted_lb_config: {} },
    per_connection_buffer_limit_bytes: 32768,
    circuit_breakers: {
      thresholds: [{ max_requests: 7 }, { priority: "HIGH", max_connections: 8, track_remaining: true }],
    },
    upstream_connection_options: { tcp_keepalive: { keepalive_time: 30, keepalive_probes: 3 } },
    upstream_bind_config: { source_address: { address: "127.0.0.2", port_value: 0 } },
    load_assignment: {
      cluster_name: "a",
      policy: { overprovisioning_factor: 200 },
      endpoints: [
        {
          locality: { region: "r", zone: "z", sub_zone: "s" },
          priority: 1,
          load_balancing_weight: 5,
          lb_endpoints: [
            endpoint("::1", { load_balancing_weight: 4, health_status: "DRAINING" }),
            { endpoint: { address: { pipe: { path: "/s" } }, hostname: "h" }, health_status: "DEGRADED" },
          ],
        },
      ],
    },
    typed_extension_protocol_options: {
      [httpName]: {
        "@type": type(httpName),
        common_http_protocol_options: {
          idle_timeout: "0s",
          max_requests_per_connection: 9,
          max_response_headers_kb: 8,
        },
        explicit_http_config: {
          http_protocol_options: { header_key_format: { proper_case_words: {} }, enable_trailers: true },
        },
      },
    },
  });
  expect(problems).toEqual([]);
  expect(spec).toMatchObject({
    observabilityName: "other",
    connectTimeoutMs: 250,
    lb: { policy: "LEAST_REQUEST", choiceCount: 3, panicThresholdPct: 10, isLocalityWeighted: true },
    bufferLimitBytes: 32768,
    breakers: { thresholds: [{ maxRequests: 7 }, { maxConnections: 8, trackRemaining: true }] },
    tcpKeepalive: { timeS: 30, intervalS: 75, probes: 3 },
    sourceAddress: "127.0.0.2",
    overprovisioningPct: 200,
    idleTimeoutMs: null,
    maxRequestsPerConnection: 9,
    http1: { headerCase: "proper", enableTrailers: true, maxHeadBytes: 8192 },
    localities: [
      {
        region: "r",
        zone: "z",
        subZone: "s",
        priority: 1,
        weight: 5,
        hosts: [
          { address: { host: "::1" }, weight: 4, health: "UNHEALTHY" },
          { address: { path: "/s" }, hostname: "h", health: "DEGRADED" },
        ],
      },
    ],
  });
});

test("load_balancing_policy wins over lb_policy, and the first policy known counts", () => {
  const { spec } = parse({
    lb_policy: "MAGLEV",
    load_balancing_policy: {
      policies: [
        { typed_extension_config: { name: "p", typed_config: { "@type": lbType("pick_first", "PickFirst") } } },
        {
          typed_extension_config: {
            name: "l",
            typed_config: { "@type": lbType("least_request", "LeastRequest"), choice_count: 4 },
          },
        },
      ],
    },
  });
  expect(spec?.lb).toMatchObject({ policy: "LEAST_REQUEST", choiceCount: 4 });
});

test("a DnsCluster is a DNS cluster", () => {
  const { spec, problems } = parse({
    cluster_type: {
      name: "envoy.cluster.dns",
      typed_config: {
        "@type": type("envoy.extensions.clusters.dns.v3.DnsCluster"),
        dns_refresh_rate: "30s",
        dns_failure_refresh_rate: { base_interval: "2s" },
        respect_dns_ttl: true,
        dns_lookup_family: "V4_PREFERRED",
      },
    },
    load_assignment: assignment(endpoint("svc.local")),
  });
  expect(problems).toEqual([]);
  expect(spec).toMatchObject({
    discovery: "STRICT_DNS",
    localities: [],
    dns: { refreshMs: 30_000, failureBaseMs: 2000, failureMaxMs: 20_000, respectTtl: true, family: "V4_PREFERRED" },
  });
  expect(spec?.dns?.template[0]?.hosts[0]?.hostname).toBe("svc.local");
});

const refused: { name: string; json: object; path: string; envoyText: string | null }[] = [
  {
    name: "a name in a STATIC cluster",
    json: { load_assignment: assignment(endpoint("foo.bar")) },
    path: "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address",
    envoyText:
      "malformed IP address: foo.bar. Consider setting resolver_name or setting cluster type to 'STRICT_DNS' or 'LOGICAL_DNS'",
  },
  {
    name: "two endpoints in LOGICAL_DNS",
    json: { type: "LOGICAL_DNS", load_assignment: assignment(endpoint("a.b"), endpoint("c.d")) },
    path: "load_assignment.endpoints",
    envoyText: "LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single lb_endpoint",
  },
  {
    name: "LOGICAL_DNS without endpoint",
    json: { type: "LOGICAL_DNS" },
    path: "load_assignment.endpoints",
    envoyText: "LOGICAL_DNS clusters must have a single host",
  },
  {
    name: "EDS without config",
    json: { type: "EDS" },
    path: "eds_cluster_config",
    envoyText: "cannot create an EDS cluster without an EDS config",
  },
  {
    name: "a policy that the cluster must bring",
    json: { lb_policy: "CLUSTER_PROVIDED" },
    path: "lb_policy",
    envoyText:
      "cluster manager: cluster provided LB specified but cluster 'a' did not provide one. Check cluster documentation.",
  },
  {
    name: "no policy in the list",
    json: { load_balancing_policy: {} },
    path: "load_balancing_policy",
    envoyText:
      "cluster: didn't find a registered load balancer factory implementation for cluster: 'a' with names from []",
  },
  {
    name: "unknown protocol options",
    json: {
      typed_extension_protocol_options: {
        foo: { "@type": type(httpName), explicit_http_config: { http_protocol_options: {} } },
      },
    },
    path: 'typed_extension_protocol_options["foo"]',
    envoyText: "Didn't find a registered network or http filter or protocol options implementation for name: 'foo'",
  },
  // The words of Envoy 1.40's --mode validate.
  {
    name: "a ring that is to be larger than it may be",
    json: { lb_policy: "RING_HASH", ring_hash_lb_config: { minimum_ring_size: 20, maximum_ring_size: 10 } },
    path: "ring_hash_lb_config.minimum_ring_size",
    envoyText: "ring hash: minimum_ring_size (20) > maximum_ring_size (10)",
  },
  ...(
    [
      [{ fallback_policy: "KEYS_SUBSET" }, "fallback_keys_subset cannot be empty"],
      [
        { fallback_policy: "KEYS_SUBSET", fallback_keys_subset: ["c"] },
        "fallback_keys_subset must be a subset of selector keys",
      ],
      [
        { fallback_policy: "KEYS_SUBSET", fallback_keys_subset: ["b", "a"] },
        "fallback_keys_subset cannot be equal to keys",
      ],
      [{ fallback_keys_subset: ["a"] }, "fallback_keys_subset can be set only for KEYS_SUBSET fallback_policy"],
    ] as const
  ).map(([selector, envoyText]) => ({
    name: envoyText,
    json: { lb_subset_config: { subset_selectors: [{ keys: ["a", "b"], ...selector }] } },
    path: "lb_subset_config.subset_selectors[0].fallback_keys_subset",
    envoyText,
  })),
  {
    name: "subsets without a policy of their own",
    json: {
      load_balancing_policy: {
        policies: [{ typed_extension_config: { name: "s", typed_config: { "@type": lbType("subset", "Subset") } } }],
      },
    },
    path: "load_balancing_policy.policies[0].typed_extension_config.typed_config.subset_lb_policy",
    envoyText:
      "cluster: didn't find a registered load balancer factory implementation for subset lb with names from []",
  },
  {
    name: "a table whose size is no prime",
    json: { lb_policy: "MAGLEV", maglev_lb_config: { table_size: 100 } },
    path: "maglev_lb_config.table_size",
    envoyText: "The table size of maglev must be prime number",
  },
  {
    name: "hashing by host names without DNS",
    json: { common_lb_config: { consistent_hashing_lb_config: { use_hostname_for_hashing: true } } },
    path: "common_lb_config.consistent_hashing_lb_config.use_hostname_for_hashing",
    envoyText: "Cannot use hostname for consistent hashing loadbalancing for cluster of type: 'envoy.cluster.static'",
  },
  {
    name: "another transport socket",
    json: {
      transport_socket: {
        name: "quic",
        typed_config: {
          "@type": type("envoy.extensions.transport_sockets.quic.v3.QuicUpstreamTransport"),
          upstream_tls_context: {},
        },
      },
    },
    path: "transport_socket.typed_config",
    envoyText: null,
  },
  {
    name: "a TLV without a value",
    json: {
      transport_socket: {
        name: "proxy",
        typed_config: {
          "@type": type("envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport"),
          config: { version: "V2", added_tlvs: [{ type: 240 }] },
          transport_socket: {
            name: "raw",
            typed_config: { "@type": type("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer") },
          },
        },
      },
    },
    path: "transport_socket.typed_config.config.added_tlvs[0].value",
    envoyText: "Invalid TLV configuration: one of 'value' or 'format_string' must be set.",
  },
  {
    name: "METADATA frames",
    json: {
      typed_extension_protocol_options: {
        [httpName]: {
          "@type": type(httpName),
          explicit_http_config: { http2_protocol_options: { allow_metadata: true } },
        },
      },
    },
    path: `typed_extension_protocol_options["${httpName}"].explicit_http_config.http2_protocol_options.allow_metadata`,
    envoyText: null,
  },
  {
    name: "outlier detection",
    json: { outlier_detection: { consecutive_5xx: 3 } },
    path: "outlier_detection",
    envoyText: null,
  },
];

for (const { name, json, path, envoyText } of refused) {
  test(`refused: ${name}`, () => {
    const { spec, problems } = parse(json);
    expect(spec).toBe(null);
    expect(problems.map((problem) => [problem.path, problem.envoyText])).toEqual([[path, envoyText]]);
  });
}

test("raw_buffer is accepted", () => {
  const socket = {
    name: "raw",
    typed_config: { "@type": type("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer") },
  };
  expect(parse({ transport_socket: socket }).spec).not.toBe(null);
});
