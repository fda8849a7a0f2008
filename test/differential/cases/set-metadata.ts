import { request } from "../bytes.ts";
import type { Case, Json, Setup } from "../setup.ts";

const name = "envoy.filters.http.set_metadata";
const type = "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config";
const filter = (config: Json, more: Json = {}): Json => ({ name, typed_config: { "@type": type, ...config }, ...more });
const entry = (metadata_namespace: string, value: Json, allow_overwrite = false): Json => ({
  metadata_namespace,
  value,
  allow_overwrite,
});
const to = (prefix: string, config: Json | null, more: Json = {}): Json => ({
  match: { prefix },
  route: { cluster: "backend{lane}" },
  ...(config === null ? {} : { typed_per_filter_config: { [name]: { "@type": type, ...config } } }),
  ...more,
});
const shown = (...keys: string[]): Json => ({
  request_headers_to_add: keys.map((key, i) => ({ header: { key: `x-${i}`, value: `%DYNAMIC_METADATA(${key})%` } })),
});
const off: Json = { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true };

export const setMetadataSetups: Record<string, Setup> = {
  setMetadata: {
    filters: [
      filter({
        metadata_namespace: "old",
        value: { a: "first", list: [1], deep: { x: 1, y: { z: true } }, kind: "text", nothing: 5 },
        metadata: [
          entry("old", { a: "second", b: 1 }),
          entry("old", { list: [2, "three"], deep: { y: { w: 1 }, q: null }, kind: { now: "struct" } }, true),
          entry("old", { nothing: null, kind: { and: "more" }, list: [[4]] }, true),
          entry("new", { s: "text", n: 1.5, t: true, no: null, many: ["a", { b: "c" }], "with.dot": "é" }),
          entry("empty", {}),
          entry("empty", { late: true }),
          { metadata_namespace: "void" },
          { metadata_namespace: "both", value: { is: "untyped" }, typed_value: { "@type": type } },
        ],
      }),
    ],
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        ...shown("old", "new", "empty", "void", "both", "new:n", "new:many", "route", "old:deep:y:w"),
        routes: [
          to("/route", { metadata: [entry("route", { a: "of the route" }), entry("route", { a: "no" })] }),
          to("/same", { metadata_namespace: "old", value: { only: "this" } }),
          to("/empty", {}),
          to("/off", null, { typed_per_filter_config: { [name]: off } }),
          to("/", null),
        ],
      },
      {
        name: "host",
        domains: ["host.test"],
        ...shown("old", "new", "host", "route"),
        typed_per_filter_config: { [name]: { "@type": type, metadata: [entry("host", { a: 1 }, true)] } },
        routes: [to("/route", { metadata: [entry("route", { b: 2 })] }), to("/", null)],
      },
    ],
  },
  setMetadataTwice: {
    filters: [
      filter({ metadata: [entry("a", { x: 1, deep: { y: 1 } })] }),
      { ...filter({ metadata: [entry("a", { x: 2 }), entry("a", { deep: { z: 2 }, w: [] }, true)] }), name: "second" },
    ],
    virtualHosts: [{ name: "all", domains: ["*"], ...shown("a"), routes: [to("/", null)] }],
  },
};

const host = "host: host.test";

export const setMetadataCases: readonly Case[] = [
  ...["/", "/route", "/same", "/empty", "/off"].map((path) => c(`GET ${path}`, request(`GET ${path}`))),
  c("the virtual host's", request("GET /", host)),
  c("the route's instead of its virtual host's", request("GET /route", host)),
  c("a POST", request("POST /", "content-length: 0")),
  { name: "the stats of set_metadata", setup: "setMetadata", send: "", stats: "set_metadata" },
  c("another filter's", request("GET /"), "setMetadataTwice"),
  c("another filter's, on a connection of before", request("GET /") + request("GET /2"), "setMetadataTwice"),
  { name: "the stats of two set_metadata", setup: "setMetadataTwice", send: "", stats: "set_metadata" },
];

function c(name: string, send: string, setup = "setMetadata"): Case {
  return { name: `set_metadata: ${name}`, setup, send };
}
