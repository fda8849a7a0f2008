import { type BenchCase, isHttp2, routePrefix } from "../cases.ts";
import type { CertificateFiles } from "../certificate.ts";
import { benchJwks } from "../jwt.ts";
import type { Endpoints } from "./endpoints.ts";

/** An Envoy bootstrap (JSON, which is YAML too) for a case. Nuncio reads the same file. */
export function envoyConfig(
  benchCase: BenchCase,
  { listenPort, backendPort, accessLogFile, certificate }: Endpoints,
): string {
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "bench",
    route_config: {
      name: "bench",
      virtual_hosts: [
        {
          name: "bench",
          domains: ["*"],
          routes: matches(benchCase).map((match) => ({ match, route: { cluster: "backend" } })),
        },
      ],
    },
    http_filters: [
      ...(benchCase.hasFilters ? filterChain() : []),
      {
        name: "envoy.filters.http.router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
    access_log: benchCase.accessLog
      ? [
          {
            name: "envoy.access_loggers.file",
            typed_config: {
              "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
              path: accessLogFile,
            },
          },
        ]
      : [],
  };
  const bootstrap = {
    static_resources: {
      listeners: [
        {
          name: "bench",
          address: address(listenPort),
          filter_chains: [
            {
              filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }],
              ...(benchCase.isTls ? { transport_socket: tls(benchCase, certificate) } : {}),
            },
          ],
        },
      ],
      clusters: [
        {
          name: "backend",
          type: "STATIC",
          connect_timeout: "5s",
          // More than the connections of any case, so that no breaker opens.
          circuit_breakers: {
            thresholds: [{ max_connections: 10_000, max_pending_requests: 10_000, max_requests: 10_000 }],
          },
          ...(benchCase.upstream === "http2" ? { typed_extension_protocol_options: http2Upstream } : {}),
          load_assignment: {
            cluster_name: "backend",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(backendPort) } }] }],
          },
        },
      ],
    },
  };
  return JSON.stringify(bootstrap, null, 1);
}

/** What many routes of an API gateway have. */
function filterChain(): object[] {
  const http = "type.googleapis.com/envoy.extensions.filters.http";
  const always = { default_value: { numerator: 100 } };
  const add = (key: string, value: string) => ({ append: { header: { key, value } } });
  return [
    {
      name: "envoy.filters.http.jwt_authn",
      typed_config: {
        "@type": `${http}.jwt_authn.v3.JwtAuthentication`,
        providers: {
          bench: {
            issuer: "https://bench.test",
            audiences: ["bench"],
            local_jwks: { inline_string: benchJwks },
            forward_payload_header: "x-jwt-payload",
            jwt_cache_config: {},
          },
        },
        rules: [{ match: { prefix: "/" }, requires: { provider_name: "bench" } }],
      },
    },
    {
      name: "envoy.filters.http.local_ratelimit",
      typed_config: {
        "@type": `${http}.local_ratelimit.v3.LocalRateLimit`,
        stat_prefix: "bench",
        token_bucket: { max_tokens: 1_000_000_000, tokens_per_fill: 1_000_000_000, fill_interval: "1s" },
        filter_enabled: always,
        filter_enforced: always,
      },
    },
    {
      name: "envoy.filters.http.header_mutation",
      typed_config: {
        "@type": `${http}.header_mutation.v3.HeaderMutation`,
        mutations: {
          request_mutations: [
            add("x-bench", "1"),
            add("x-client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
            { remove: "x-debug" },
          ],
          response_mutations: [add("x-served-by", "bench"), { remove: "x-powered-by" }],
        },
      },
    },
  ];
}

function tls(benchCase: BenchCase, { chain, key }: CertificateFiles): object {
  return {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
      common_tls_context: {
        alpn_protocols: [isHttp2(benchCase) ? "h2" : "http/1.1"],
        tls_certificates: [{ certificate_chain: { filename: chain }, private_key: { filename: key } }],
      },
      ...(benchCase.resumesTls ? {} : { disable_stateless_session_resumption: true }),
    },
  };
}

const http2Upstream = {
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    explicit_http_config: { http2_protocol_options: {} },
  },
};

function matches({ routes }: BenchCase): object[] {
  if (routes.count === 1 && routes.kind === "prefix") return [{ prefix: "/" }];
  return Array.from({ length: routes.count }, (_, index) => match(routes.kind, routePrefix(index)));
}

function match(kind: BenchCase["routes"]["kind"], prefix: string): object {
  switch (kind) {
    case "prefix":
      return { prefix };
    case "path":
      return { path: prefix };
    case "separated":
      return { path_separated_prefix: prefix.slice(0, -1) };
    case "regex":
      return { safe_regex: { regex: `${prefix}\\d+` } };
  }
}

function address(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
