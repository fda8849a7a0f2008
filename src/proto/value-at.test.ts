import { fromJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ListenerSchema } from "./generated/envoy/config/listener/v3/listener_pb.ts";
import { typeRegistry } from "./type-registry.ts";
import { valueAt } from "./value-at.ts";

const listener = fromJson(
  ListenerSchema,
  {
    name: "main",
    trafficDirection: "INBOUND",
    address: { socketAddress: { address: "nowhere", portValue: 80 } },
    filterChains: [
      {
        transportSocketConnectTimeout: "-1s",
        filters: [
          {
            name: "manager",
            typedConfig: {
              "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
              statPrefix: "in",
              useRemoteAddress: true,
              routeConfig: { virtualHosts: [{ name: "x".repeat(200) }] },
            },
          },
        ],
        transportSocket: {
          name: "tls",
          typedConfig: {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            commonTlsContext: { tlsCertificates: [{ privateKey: { inlineString: "key" } }] },
          },
        },
      },
    ],
  },
  { registry: typeRegistry },
);

const cases = [
  ["name", '"main"'],
  ["traffic_direction", "INBOUND"],
  ["address.socket_address.address", '"nowhere"'],
  ["address.socket_address.port_value", "80"],
  ["address.pipe.path", null],
  ["filter_chains[0].transport_socket_connect_timeout", '"-1s"'],
  ["filter_chains[1].name", null],
  ["filter_chains[0].filters[0].typed_config.stat_prefix", '"in"'],
  ["filter_chains[0].filters[0].typed_config.use_remote_address", "true"],
  ["filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].name", `"${"x".repeat(80)}…"`],
  ["filter_chains[0].filters[0].typed_config.nothing", null],
  ["filter_chains[0]", null],
  ["filter_chains", null],
  [
    "filter_chains[0].transport_socket.typed_config.common_tls_context.tls_certificates[0].private_key.inline_string",
    null,
  ],
  ["", null],
] as const;
for (const [path, value] of cases)
  test(`${path || "the whole"}: ${value?.slice(0, 20)}`, () => expect(valueAt(listener, path)).toBe(value));
