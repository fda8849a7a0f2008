/** One bootstrap, with what Envoy 1.40 (`--mode validate`) says of it and where its fault is. */
export interface BootstrapCase {
  /** A sentence that is true of Envoy and must be of us. */
  name: string;
  text: string;
  /** Suffix of the file. */
  as?: ".yaml" | ".json" | ".pb_text" | ".txt";
  /** Given as --config-yaml beside the file. */
  configYaml?: string;
  allowUnknown?: boolean;
  envoyAccepts: boolean;
  /** Path of the one error; null where the bootstrap is accepted. */
  error: string | null;
  /** What stands at the place of the error; the last name of its path where it is not given. */
  at?: string;
}

const hcm = (rest: string) =>
  `static_resources: {listeners: [{name: a, address: {socket_address: {address: 127.0.0.1, port_value: 1}}, filter_chains: [{filters: [{name: hcm, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: a, route_config: {name: a}, ${rest}}}]}]}]}`;
const router = `http_filters: [{name: x, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]`;
const cluster = (rest: string) => `static_resources: {clusters: [{name: a, ${rest}}]}`;
const socket = (rest: string) => `admin: {address: {socket_address: {address: 127.0.0.1, ${rest}}}}`;
const tls = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const socketType = (config: string) => cluster(`transport_socket: {name: x, typed_config: ${config}}`);
const proxied = (config: string) =>
  socketType(
    `{"@type": type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport, config: {${config}}, transport_socket: {name: raw, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}}`,
  );
const limit = "static_resources.clusters[0].per_connection_buffer_limit_bytes";

const accepted = (name: string, text: string, rest: Partial<BootstrapCase> = {}): BootstrapCase => ({
  name,
  text,
  envoyAccepts: true,
  error: null,
  ...rest,
});
const refused = (name: string, error: string, text: string, rest: Partial<BootstrapCase> = {}): BootstrapCase => ({
  name,
  text,
  envoyAccepts: false,
  error,
  ...rest,
});

/** Each verdict was recorded from the running binary; load.test.ts asks it again where ENVOY_BIN names it. */
export const bootstrapCases: readonly BootstrapCase[] = [
  // Scalars of YAML
  accepted("yes is a boolean", "admin: {ignore_global_conn_limit: yes}"),
  accepted("y is a boolean", "admin: {ignore_global_conn_limit: y}"),
  accepted("Off is a boolean", "admin: {ignore_global_conn_limit: Off}"),
  accepted('"yes" in quotes is read as a boolean', 'admin: {ignore_global_conn_limit: "yes"}'),
  accepted('"t" in quotes is read as a boolean', 'admin: {ignore_global_conn_limit: "t"}'),
  refused('"on" in quotes is no boolean', "admin.ignore_global_conn_limit", 'admin: {ignore_global_conn_limit: "on"}'),
  refused("1 is no boolean", "admin.ignore_global_conn_limit", "admin: {ignore_global_conn_limit: 1}"),
  refused("a number is no string", "node.id", "node: {id: 123}"),
  refused("yes is no string", "node.id", "node:\n  id: yes\n"),
  accepted("1.10 is a string", "node: {id: 1.10}"),
  accepted("1_000 is a string", "node: {id: 1_000}"),
  accepted("a null field is not set", "node: {id: ~}"),
  accepted("an empty field is not set", "node:\n  id:\n"),
  accepted("!!str does not make a string of yes", "admin: {ignore_global_conn_limit: !!str yes}"),
  refused("!!str does not make a string of 5", "node.id", "node: {id: !!str 5}"),
  accepted("the last of two equal keys wins", "node: {id: 5, id: b}"),
  accepted("only the first document counts", "node: {id: a}\n---\nfoo: 1\n"),
  accepted("an alias repeats its anchor", "node: {id: &a x, cluster: *a}"),
  refused("a merge key is a field like any other", "node.<<", "admin: {}\nnode: {<<: {id: a}, cluster: b}"),
  // Numbers
  accepted("an octal port", socket("port_value: 010")),
  accepted("a hexadecimal port", socket("port_value: 0x1f")),
  accepted("a port in quotes", socket('port_value: "80"')),
  accepted("80.0 is a whole number", socket("port_value: 80.0")),
  accepted("1e2 is a whole number", socket("port_value: 1e2")),
  accepted('"0x1f" in quotes is a number', cluster('per_connection_buffer_limit_bytes: "0x1f"')),
  accepted('"+5" in quotes is a number', cluster('per_connection_buffer_limit_bytes: "+5"')),
  refused("80.5 is not a whole number", "admin.address.socket_address.port_value", socket("port_value: 80.5")),
  refused("0o10 is no number", "admin.address.socket_address.port_value", socket("port_value: 0o10")),
  refused('" 80" is no number', `${limit}`, cluster('per_connection_buffer_limit_bytes: " 80"')),
  refused("2^32 does not fit 32 bits", `${limit}`, cluster("per_connection_buffer_limit_bytes: 4294967296")),
  refused("-1 is not unsigned", `${limit}`, cluster("per_connection_buffer_limit_bytes: -1")),
  refused("true is no number", `${limit}`, cluster("per_connection_buffer_limit_bytes: true")),
  accepted("a wrapper in its long form", cluster("per_connection_buffer_limit_bytes: {value: 5}")),
  // Enums
  accepted("an enum in small letters", socket("port_value: 1, protocol: udp")),
  accepted("an enum in mixed letters", cluster("type: Strict_dns, load_assignment: {cluster_name: a}")),
  accepted("an enum by its number", socket("port_value: 1, protocol: 1")),
  accepted("an enum by its number in quotes", socket('port_value: 1, protocol: "1"')),
  refused("an enum number not defined", "admin.address.socket_address.protocol", socket("port_value: 1, protocol: 7")),
  refused("an enum name not defined", "static_resources.clusters[0].type", cluster("type: static_")),
  accepted("an unknown enum name with --allow-unknown-static-fields", socket("port_value: 1, protocol: foo"), {
    allowUnknown: true,
  }),
  // Durations
  accepted("a duration in seconds", "stats_flush_interval: 0.5s"),
  accepted("a duration in its long form", "stats_flush_interval: {seconds: 5}"),
  refused("a bare number is no duration", "stats_flush_interval", "stats_flush_interval: 5"),
  refused("milliseconds are no unit of durations", "stats_flush_interval", "stats_flush_interval: 5ms"),
  refused("ten decimals are too many", "stats_flush_interval", 'stats_flush_interval: "5.1234567890s"'),
  refused("a duration under its rule", "stats_flush_interval", "stats_flush_interval: 0s"),
  refused(
    "a timeout below zero",
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.stream_idle_timeout",
    hcm(`${router}, stream_idle_timeout: -1s`),
  ),
  // Shapes
  accepted("one value for a list of one", "static_resources: {clusters: {name: a}}"),
  accepted("a null list", "static_resources: {clusters: null}"),
  refused(
    "a null element is an empty message",
    "static_resources.clusters[0].name",
    "static_resources: {clusters: [null]}",
    { at: "null" },
  ),
  refused("a list for a string", "node.id", "node: {id: [a]}"),
  refused("an object for a string", "node.id", "node: {id: {a: b}}"),
  refused("a string for a message", "node", "node: abc"),
  refused(
    "a list for a map",
    "static_resources.clusters[0].metadata.filter_metadata",
    cluster("metadata: {filter_metadata: [a]}"),
  ),
  refused(
    "a string for a Struct",
    'static_resources.clusters[0].metadata.filter_metadata["x.y"]',
    cluster("metadata: {filter_metadata: {x.y: b}}"),
  ),
  accepted("any JSON in a Struct", "node: {metadata: {a: [1, {b: null}], c: 1.5}}"),
  accepted("camelCase names", "node: {userAgentName: a}"),
  refused("two members of a oneof", "admin.address.socket_address.named_port", socket("port_value: 1, named_port: x")),
  refused(
    "an empty transport socket",
    "static_resources.clusters[0].transport_socket.name",
    cluster("transport_socket: {}"),
    { at: "transport_socket: {}" },
  ),
  refused("a list at the root", "", "[a]"),
  refused("a word at the root", "", "foo"),
  refused("an empty file", "", ""),
  // Unknown and deprecated fields
  refused("an unknown field", "foo", "node: {id: a}\nfoo: 1\n"),
  accepted("an unknown field with --allow-unknown-static-fields", "foo: 1", { allowUnknown: true }),
  accepted("a deprecated field", cluster("http2_protocol_options: {}")),
  refused("a field of the v2 API", "static_resources.clusters[0].hosts", cluster("hosts: []")),
  // Any
  accepted("an Any", socketType(`{"@type": type.googleapis.com/${tls}, sni: a}`)),
  accepted("an upstream PROXY header", proxied("version: V2, added_tlvs: [{type: 240, value: YQ==}]")),
  refused(
    "a TLV of a type beyond a byte",
    "static_resources.clusters[0].transport_socket.typed_config.config.added_tlvs[0].type",
    proxied("version: V2, added_tlvs: [{type: 256, value: YQ==}]"),
  ),
  accepted("any host in a type URL", socketType(`{"@type": foo.bar/${tls}, sni: a}`)),
  refused(
    "an unknown field in an Any",
    "static_resources.clusters[0].transport_socket.typed_config.snii",
    socketType(`{"@type": type.googleapis.com/${tls}, snii: a}`),
  ),
  refused(
    "a type URL without a host",
    "static_resources.clusters[0].transport_socket.typed_config.@type",
    socketType(`{"@type": ${tls}, sni: a}`),
  ),
  refused(
    "a type that is not there",
    "static_resources.clusters[0].transport_socket.typed_config.@type",
    socketType('{"@type": type.googleapis.com/envoy.nope, sni: a}'),
  ),
  refused(
    "a type of the v2 API",
    "static_resources.clusters[0].transport_socket.typed_config.@type",
    socketType('{"@type": type.googleapis.com/envoy.api.v2.auth.UpstreamTlsContext, sni: a}'),
  ),
  accepted(
    "a TypedStruct of an unknown type in metadata",
    cluster(
      "metadata: {typed_filter_metadata: {x: {'@type': type.googleapis.com/xds.type.v3.TypedStruct, type_url: a/b}}}",
    ),
  ),
  refused(
    "an Any without a type",
    "static_resources.clusters[0].transport_socket.typed_config",
    socketType("{sni: a}"),
  ),
  accepted(
    "a TypedStruct of xds",
    socketType(`{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: a/${tls}, value: {sni: a}}`),
  ),
  refused(
    "an unknown field in a TypedStruct of udpa",
    "static_resources.clusters[0].transport_socket.typed_config.value.snix",
    socketType(`{"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: ${tls}, value: {snix: a}}`),
  ),
  accepted(
    "well-known types in an Any",
    cluster(
      "metadata: {typed_filter_metadata: {x: {'@type': type.googleapis.com/google.protobuf.StringValue, value: a}, y: {'@type': type.googleapis.com/google.protobuf.Struct, value: {a: b}}, z: {'@type': type.googleapis.com/google.protobuf.Duration, value: 3s}}}",
    ),
  ),
  accepted("a whole connection manager", hcm(router)),
  // Rules
  refused("a port above 65535", "admin.address.socket_address.port_value", socket("port_value: 65536")),
  refused("an empty name", "static_resources.clusters[0].name", "static_resources: {clusters: [{}]}", { at: "{}" }),
  refused(
    "a virtual host without domains",
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].domains",
    hcm(router).replace("{name: a}", "{virtual_hosts: [{name: a}]}"),
    { at: "{name: a}" },
  ),
  refused(
    "a match without its specifier",
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].routes[0].match",
    hcm(router).replace("{name: a}", "{virtual_hosts: [{name: a, domains: [a], routes: [{match: {}, redirect: {}}]}]}"),
  ),
  refused(
    "a domain with a NUL",
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0].domains[0]",
    hcm(router).replace("{name: a}", '{virtual_hosts: [{name: a, domains: ["a\\0"]}]}'),
    { at: "a" },
  ),
  // JSON
  accepted("JSON", '{"node": {"id": "a"}}', { as: ".json" }),
  accepted("JSON with single quotes", "{'node': {'id': 'a'}}", { as: ".json" }),
  accepted("JSON with a last comma", '{"node": {"id": "a",}, }', { as: ".json" }),
  refused("JSON with a comment", "", '{"node": {"id": "a"}} // hi', { as: ".json" }),
  refused("YAML in a .json file", "", "node: {id: a}", { as: ".json" }),
  refused("YAML in a file of another suffix", "", "node: {id: a}", { as: ".txt" }),
  refused("a number for a string in JSON", "node.id", '{\n  "node": {"id": 5}}', { as: ".json" }),
  // Text format
  accepted("the text format", 'node {id: "a"}', { as: ".pb_text" }),
  refused("an unknown field in the text format", "", 'node {idx: "a"}', { as: ".pb_text" }),
  // --config-yaml
  accepted("--config-yaml over a file", "node: {id: a, cluster: b}", { configYaml: "node: {id: x}" }),
  refused("an unknown field in --config-yaml", "nodee", "node: {id: a}", {
    configYaml: "{node: {id: x}, nodee: 1}",
  }),
  refused(
    "a fault of the merged whole",
    "static_resources.clusters[1].name",
    "static_resources: {clusters: [{name: a}]}",
    {
      configYaml: "static_resources: {clusters: [{}]}",
      at: "{}",
    },
  ),
];
