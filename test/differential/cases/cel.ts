import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

/** Of requests and of answers: what Envoy prints of them. */
const expressions = [
  "request.path",
  "request.url_path",
  "request.headers['x-a']",
  "request.headers['X-A']",
  "request.headers['nope']",
  "request.headers[':method']",
  "request.host",
  "request.scheme",
  "request.method",
  "request.useragent",
  "request.referer",
  "request.protocol",
  "request.query",
  "request.nope",
  "response.code",
  "response.code_details",
  "response.flags",
  "response.grpc_status",
  "response.headers['x-up']",
  "source.address.startsWith('127.0.0.1:')",
  "source.port > 0",
  "destination.port > 0",
  "connection.mtls",
  "connection.requested_server_name",
  "connection.tls_version",
  "upstream.address.startsWith('127')",
  "upstream.transport_failure_reason",
  "xds.cluster_name.startsWith('backend')",
  "xds.route_name",
  "xds.route_metadata.filter_metadata['rm']['z']",
  "xds.route_metadata.filter_metadata['rm']['n']",
  "xds.route_metadata.filter_metadata['rm']['l']",
  "xds.route_metadata.filter_metadata['rm']['d']",
  "xds.virtual_host_name",
  "xds.listener_metadata.filter_metadata['l']['k']",
  "xds.virtual_host_metadata.filter_metadata['vm']['k']",
  "xds.cluster_metadata.filter_metadata['cm']['k']",
  "xds.upstream_host_metadata.filter_metadata['hm']['k']",
  "xds.upstream_host_metadata.filter_metadata['hm']['nope']",
  "has(xds.upstream_host_metadata)",
  "xds.node.id",
  "xds.node.cluster",
  "xds.node.nope",
  "xds.node.metadata['a']",
  "xds.node.metadata['n']['l'][1]",
  "xds.node.locality.zone",
  "xds.node.locality.region",
  "xds.node.locality.sub_zone",
  "xds.node.user_agent_name",
  "has(xds.node.locality)",
  "xds.listener_direction",
  "xds.listener_direction == 1",
  "xds.upstream_host_locality",
  "upstream.locality.zone",
  "upstream.locality.region",
  "upstream.locality.sub_zone",
  "has(upstream.locality)",
  "'locality' in upstream",
  "'node' in xds",
  "'listener_direction' in xds",
  "'upstream_host_metadata' in xds",
  "1.5",
  "1.0",
  "3u",
  "b'abc'",
  "[1, 2]",
  "{'a': 1}",
  "null",
  "nope",
  "nope.x",
  "duration('3.5s')",
  "has(request.referer)",
  "size(request.headers) > 3",
  "'x-a' in request.headers",
  "1e20",
  "0.1",
  "-3",
  "timestamp('2020-01-01T00:00:00Z')",
  "request.time > timestamp('2020-01-01T00:00:00Z')",
  "request.headers['x-a'].contains('1')",
  "request.path.matches('.*th')",
  "request.headers['x-a'] == '1'",
  "response.code + 1",
  "type(request.path) == string",
  "request.method in ['GET', 'POST']",
  "true ? 'y' : 'n'",
  "int('5')",
  "double('1.5')",
  "1 == 1.0",
  "[1,2][1]",
  "{'a': 'b'}['a']",
  "[1,2][5]",
  "1/0",
  "request.path == 1",
  "timestamp('x')",
  "size('abc')",
  "'ü'",
];

const headers = (prefix: string): Json[] =>
  expressions.map((expression, i) => ({
    header: { key: `x-${prefix}-${i}`, value: `%CEL(${expression})%` },
    append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
    keep_empty_value: true,
  }));

export const celSetups: Record<string, Setup> = {
  cel: {
    node: { metadata: { a: "b", n: { l: [1, 2] } }, locality: { region: "here", zone: "z1" } },
    listener: { traffic_direction: "INBOUND", metadata: { filter_metadata: { l: { k: "of the listener" } } } },
    log: {
      host: "%UPSTREAM_METADATA(hm:k)%",
      hostAll: "%METADATA(UPSTREAM_HOST:hm)%",
      hostText: "of %UPSTREAM_METADATA(hm)%",
      hostNone: "%UPSTREAM_METADATA(nope:k)%",
      direction: "%CEL(xds.listener_direction)%",
      locality: "%CEL(upstream.locality.zone)%",
    },
    clusters: [
      {
        name: "told{lane}",
        type: "STATIC",
        metadata: { filter_metadata: { cm: { k: 7 } } },
        load_assignment: {
          cluster_name: "told",
          endpoints: [
            {
              locality: { region: "r", zone: "z" },
              lb_endpoints: [
                {
                  endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: "{port}" } } },
                  metadata: { filter_metadata: { hm: { k: "of the endpoint" } } },
                },
              ],
            },
          ],
        },
      },
    ],
    virtualHosts: [
      {
        name: "all of it",
        domains: ["*"],
        metadata: { filter_metadata: { vm: { k: "of the host" } } },
        request_headers_to_add: [
          ...headers("req"),
          {
            header: {
              key: "x-metadata",
              value: "%METADATA(LISTENER:l:k)% %METADATA(VIRTUAL_HOST:vm)% %CLUSTER_METADATA(cm:k)%",
            },
          },
        ],
        response_headers_to_add: headers("res"),
        routes: [
          { name: "told", match: { prefix: "/told" }, route: { cluster: "told{lane}" } },
          {
            name: "the route",
            match: { prefix: "/" },
            metadata: { filter_metadata: { rm: { z: true, n: null, l: [1, "a"], d: 1.25 } } },
            route: { cluster: "backend{lane}" },
          },
        ],
      },
    ],
  },
};

export const celCases: readonly Case[] = [
  c("a plain request", request("GET /path?q=1&r=2", "host: Shop.test:81", "x-a: 1", "user-agent: ua")),
  c("two fields, no query", request("GET /p%61th", "host: shop.test", "x-a: 1", "x-a: 2", "referer: http://a.test/")),
  c("a body", `${request("POST /path?", "host: shop.test", "content-length: 3")}abc`),
  c("a cluster with metadata", request("GET /told", "host: shop.test")),
  c("gRPC", request("POST /path", "host: shop.test", "content-length: 0", "content-type: application/grpc")),
];

function c(name: string, send: string): Case {
  return { name: `cel: ${name}`, setup: "cel", send };
}
