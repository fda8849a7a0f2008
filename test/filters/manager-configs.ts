import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const http = "type.googleapis.com/envoy.extensions.http.";
const xff = (config: Json = {}): Json => ({
  name: "x",
  typed_config: { "@type": `${http}original_ip_detection.xff.v3.XffConfig`, ...config },
});
const early = (...mutations: readonly Json[]): Json => ({
  name: "e",
  typed_config: { "@type": `${http}early_header_mutation.header_mutation.v3.HeaderMutation`, mutations },
});
const refused = (name: string, manager: Json, path: string, text: string): FilterConfigCase => ({
  name: `the connection manager: ${name}`,
  manager,
  error: { path, says: text, envoySays: text },
});
const detection = "original_ip_detection_extensions";

/** Sockets of the listener. */
export const ofListenerSockets: readonly FilterConfigCase[] = [
  {
    name: "listener: keepalive by socket options, no delay, keepalive by its own field, bind_to_port",
    listener: {
      bind_to_port: true,
      tcp_keepalive: { keepalive_time: 5 },
      socket_options: [
        { level: 1, name: 9, int_value: 1, state: "STATE_LISTENING" },
        { level: 6, name: 1, int_value: 1 },
      ],
    },
  },
  {
    name: "listener: a socket option that Node cannot set",
    listener: { socket_options: [{ level: 0, name: 1, int_value: 32 }] },
    error: { path: "socket_options[0]", says: "Node can set keepalive options only", envoySays: null },
  },
];

/** Extensions of the connection manager. */
export const ofManager: readonly FilterConfigCase[] = [
  {
    name: "the connection manager: an original IP by x-forwarded-for",
    manager: { [detection]: [xff({ xff_trusted_cidrs: {} })], skip_xff_append: true },
  },
  {
    name: "the connection manager: a trusted range that is none",
    manager: { [detection]: [xff({ xff_trusted_cidrs: { cidrs: [{ address_prefix: "zz", prefix_len: 8 }] } })] },
    warns: "is no range of addresses and is left out",
  },
  refused(
    "an original IP and use_remote_address",
    { [detection]: [xff()], use_remote_address: true },
    detection,
    "Original IP detection extensions and use_remote_address may not be mixed",
  ),
  refused(
    "an original IP and hops",
    { [detection]: [xff()], xff_num_trusted_hops: 1 },
    detection,
    "Original IP detection extensions and xff_num_trusted_hops may not be mixed",
  ),
  refused(
    "hops and ranges",
    { [detection]: [xff({ xff_num_trusted_hops: 1, xff_trusted_cidrs: {} })] },
    `${detection}[0].typed_config.xff_trusted_cidrs`,
    "Cannot set both xff_num_trusted_hops and xff_trusted_cidrs",
  ),
  {
    name: "the connection manager: an original IP by something else",
    manager: { [detection]: [early({ remove: "a" })] },
    error: {
      path: `${detection}[0].typed_config`,
      says: "is not implemented here",
      envoySays: "Original IP detection extension not found: 'e'",
    },
  },
  {
    name: "the connection manager: early changes by something else",
    manager: { early_header_mutation_extensions: [xff()] },
    error: {
      path: "early_header_mutation_extensions[0].typed_config",
      says: "is not implemented here",
      envoySays: "Early header mutation extension not found: 'x'",
    },
  },
  {
    name: "the connection manager: an early change of the path",
    manager: { early_header_mutation_extensions: [early({ append: { header: { key: ":path", value: "/x" } } })] },
    error: {
      path: "early_header_mutation_extensions[0].typed_config.mutations[0].append.header.key",
      says: "cannot be changed here",
      envoySays: ":-prefixed or host headers may not be modified",
    },
  },
];
