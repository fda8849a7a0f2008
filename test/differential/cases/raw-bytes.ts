import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

// What decoding gives back is no field value any more: an end of line in a query must not become a field of its own.

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const to = (prefix: string, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...more,
});
const add = (field: string): Json => ({ header: { key: field, value: "%QUERY_PARAM(q)%" } });
const mutation = "envoy.filters.http.header_mutation";
const mutate = (mutations: Json): Json => ({
  typed_per_filter_config: {
    [mutation]: { "@type": `${http}header_mutation.v3.HeaderMutationPerRoute`, mutations },
  },
});

export const rawBytesSetups: Record<string, Setup> = {
  rawBytes: {
    filters: [{ name: mutation, typed_config: { "@type": `${http}header_mutation.v3.HeaderMutation` } }],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          to("/request", { request_headers_to_add: [add("x-q")] }),
          to("/response", { response_headers_to_add: [add("x-q")] }),
          to("/filter-request", mutate({ request_mutations: [{ append: add("x-q") }] })),
          to("/filter-response", mutate({ response_mutations: [{ append: add("x-q") }] })),
          to("/query", mutate({ query_parameter_mutations: [{ remove: "gone" }] })),
          {
            match: { prefix: "/redirect" },
            redirect: { path_redirect: "/there" },
            response_headers_to_add: [add("x-q")],
          },
          {
            match: { prefix: "/direct" },
            direct_response: { status: 200, body: { inline_string: "here" } },
            response_headers_to_add: [add("x-q")],
          },
        ],
      },
    ],
  },
};

const paths = ["request", "response", "filter-request", "filter-response", "query", "redirect", "direct"];
const values = ["%0d%0ax-evil:%201", "%0a", "%0d", "%00", "%09", "%01", "%7f", "%c3%a9", "%20a%20"];

export const rawBytesCases: readonly Case[] = [
  ...paths.flatMap((path) =>
    values.map((value) => ({
      name: `raw bytes: ${value} in ${path}`,
      setup: "rawBytes",
      send: request(`GET /${path}?q=${value}&r=1`),
    })),
  ),
  {
    name: "the stats of raw bytes",
    setup: "rawBytes",
    send: "",
    stats: "cluster.*(upstream_rq|upstream_cx_(total|destroy|active)|retry)",
  },
];
