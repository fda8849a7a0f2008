import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const http = "type.googleapis.com/envoy.extensions.http.";
const xff = (config: Json = {}): Json => ({
  name: "xff",
  typed_config: { "@type": `${http}original_ip_detection.xff.v3.XffConfig`, ...config },
});
const custom = (header_name: string, config: Json = {}): Json => ({
  name: "custom",
  typed_config: {
    "@type": `${http}original_ip_detection.custom_header.v3.CustomHeaderConfig`,
    header_name,
    ...config,
  },
});
const cidrs = (...ranges: [string, number][]): Json => ({
  cidrs: ranges.map(([address_prefix, prefix_len]) => ({ address_prefix, prefix_len })),
});
const internal: Json = {
  internal_address_config: { cidr_ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] },
};
const detected = (...extensions: readonly Json[]): Setup => ({
  manager: { ...internal, original_ip_detection_extensions: extensions },
});
const early = (...mutations: readonly Json[]): Json => ({
  name: "early",
  typed_config: { "@type": `${http}early_header_mutation.header_mutation.v3.HeaderMutation`, mutations },
});
const append = (key: string, value: string, append_action = "OVERWRITE_IF_EXISTS_OR_ADD"): Json => ({
  append: { header: { key, value }, append_action },
});
const trusted = cidrs(["127.0.0.0", 8], ["192.168.0.0", 16], ["fd00::", 8]);

/** Who the client is, and what is changed before anything looks at it. */
export const originalIpSetups: Record<string, Setup> = {
  ipXff: detected(xff()),
  ipXffHops: detected(xff({ xff_num_trusted_hops: 1 })),
  ipXffAppend: detected(xff({ skip_xff_append: false })),
  ipXffTrusted: detected(xff({ xff_trusted_cidrs: trusted })),
  ipXffTrustedAppend: detected(xff({ xff_trusted_cidrs: trusted, skip_xff_append: false })),
  ipXffStranger: detected(xff({ xff_trusted_cidrs: cidrs(["192.168.0.0", 16]), skip_xff_append: false })),
  ipXffStrangerQuiet: detected(xff({ xff_trusted_cidrs: cidrs(["192.168.0.0", 16]) })),
  ipXffTwo: detected(
    xff({ xff_trusted_cidrs: cidrs(["192.168.0.0", 16]), skip_xff_append: false }),
    xff({ xff_num_trusted_hops: 1 }),
  ),
  ipXffTwoAppend: detected(xff({ xff_num_trusted_hops: 3 }), xff({ skip_xff_append: false })),
  ipXffNoRange: detected(xff({ xff_trusted_cidrs: {}, skip_xff_append: false })),
  ipHeader: detected(custom("X-Real-Ip")),
  ipHeaderTrusted: detected(custom("x-real-ip", { allow_extension_to_set_address_as_trusted: true })),
  ipHeaderReject: detected(custom("x-real-ip", { reject_with_status: { code: 429 } })),
  ipHeaderRejectOk: detected(custom("x-real-ip", { reject_with_status: { code: 200 } })),
  ipBoth: detected(custom("x-real-ip"), xff({ xff_num_trusted_hops: 1 }), custom("x-last-ip")),
  ipEmptyExtensions: { manager: { ...internal, original_ip_detection_extensions: [] } },
  early: {
    manager: {
      ...internal,
      use_remote_address: true,
      xff_num_trusted_hops: 1,
      early_header_mutation_extensions: [
        early(
          append("x-early", "%REQ(:path)% %REQ(x-a)%"),
          append("x-forwarded-for", "10.1.1.1"),
          { remove: "x-gone" },
          append("x-nominated", "late", "ADD_IF_ABSENT"),
          append("x-envoy-retry-on", "5xx"),
          append("x-request-id", "early-id"),
          append("x-address", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %START_TIME(%Y)% %ROUTE_NAME%-"),
        ),
        early(append("x-second", "%REQ(x-early)%"), { remove_on_match: { key_matcher: { prefix: "x-match-" } } }),
      ],
    },
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          {
            match: { prefix: "/", headers: [{ name: "x-second", string_match: { contains: "/chosen" } }] },
            route: { cluster: "backend{lane}" },
            request_headers_to_add: [{ header: { key: "x-route", value: "chosen" } }],
          },
          { match: { prefix: "/" }, route: { cluster: "backend{lane}" } },
        ],
      },
    ],
  },
  earlyXff: {
    manager: {
      ...internal,
      early_header_mutation_extensions: [early(append("x-forwarded-for", "10.1.1.1"))],
    },
  },
};

const lists = [
  "",
  "1.2.3.4",
  "10.2.3.4",
  "1.2.3.4, 5.6.7.8",
  "10.2.3.4,10.5.6.7",
  "1.2.3.4, 192.168.1.1",
  "10.2.3.4, 192.168.1.1,192.168.1.2",
  "192.168.1.1, 192.168.1.2",
  "192.168.1.1",
  "nobody, 192.168.1.1",
  "1.2.3.4, nobody",
  "2001:db8::1, fd00::1",
  "[2001:db8::1]",
  "1.2.3.4:80",
  "1.2.3.4,",
];
const ofXff = [
  "ipXff",
  "ipXffHops",
  "ipXffAppend",
  "ipXffTrusted",
  "ipXffTrustedAppend",
  "ipXffStranger",
  "ipXffNoRange",
  "ipXffStrangerQuiet",
  "ipXffTwo",
  "ipXffTwoAppend",
];
const ofHeader = ["ipHeader", "ipHeaderTrusted", "ipHeaderReject", "ipHeaderRejectOk", "ipBoth"];

export const originalIpCases: readonly Case[] = [
  ...ofXff.flatMap((setup) => [
    c("no x-forwarded-for", setup, request("GET /")),
    c("x-forwarded-for twice", setup, request("GET /", "x-forwarded-for: 1.2.3.4", "x-forwarded-for: 192.168.1.1")),
    ...lists.map((list) => c(`x-forwarded-for "${list}"`, setup, request("GET /", `x-forwarded-for: ${list}`))),
  ]),
  ...ofHeader.flatMap((setup) => [
    c("no header", setup, request("GET /")),
    ...["", "1.2.3.4", "10.2.3.4", "1.2.3.4, 5.6.7.8", "2001:DB8::1", "nobody", "1.2.3.4:80"].map((ip) =>
      c(`the header "${ip}"`, setup, request("GET /", `x-real-ip: ${ip}`)),
    ),
    c("the header twice", setup, request("GET /", "x-real-ip: 1.2.3.4", "x-real-ip: 5.6.7.8")),
    c("the header and x-forwarded-for", setup, request("GET /", "x-real-ip: 1.2.3.4", "x-forwarded-for: 5.6.7.8")),
    c("x-forwarded-for alone", setup, request("GET /", "x-forwarded-for: 1.2.3.4, 5.6.7.8")),
    c(
      "a header that is none, x-forwarded-for",
      setup,
      request("GET /", "x-real-ip: x", "x-forwarded-for: 9.9.9.9,5.6.7.8"),
    ),
    c("the last header", setup, request("GET /", "x-last-ip: 1.2.3.4")),
  ]),
  c("a list without an extension", "ipEmptyExtensions", request("GET /", "x-forwarded-for: 10.2.3.4")),
  c(
    "x-forwarded-for twice",
    "ipEmptyExtensions",
    request("GET /", "x-forwarded-for: 1.2.3.4", "x-forwarded-for: 10.1.1.1"),
  ),
  c("early changes", "early", request("GET /a?b", "x-a: 1", "x-gone: 1", "x-match-1: a", "x-match-2: b")),
  c("early changes that choose the route", "early", request("GET /chosen")),
  c(
    "early changes of what the connection names",
    "early",
    request("GET /", "connection: x-nominated", "x-nominated: 1"),
  ),
  c("early changes of x-forwarded-for", "early", request("GET /", "x-forwarded-for: 9.9.9.9")),
  c("early changes and a path to normalise", "early", request("GET /a/../b//c")),
  c("early changes and a host with a port", "early", request("GET /", "host: a.test:80")),
  c("early x-forwarded-for", "earlyXff", request("GET /")),
];

function c(name: string, setup: string, send: string): Case {
  return { name: `${setup}: ${name}`, setup, send };
}
