import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const library = (kind: string, way: string, more: Json = {}): Json => ({
  name: "x",
  typed_config: {
    "@type": `type.googleapis.com/envoy.extensions.compression.${kind.toLowerCase()}.${way}.v3.${kind}`,
    ...more,
  },
});
const filter = (way: "Compressor" | "Decompressor", config: Json): Json[] => [
  { name: "f", typed_config: { "@type": `${http}${way.toLowerCase()}.v3.${way}`, ...config } },
];
const gzip = { compressor_library: library("Gzip", "compressor") };
const perRoute = (config: Json): Json => ({
  typed_per_filter_config: { f: { "@type": `${http}compressor.v3.CompressorPerRoute`, ...config } },
});
const path = "http_filters[0].typed_config";

export const ofCompression: readonly FilterConfigCase[] = [
  { name: "compressor: a library", filters: filter("Compressor", gzip) },
  {
    name: "compressor: every field of a library",
    filters: filter("Compressor", {
      compressor_library: library("Brotli", "compressor", {
        quality: 11,
        encoder_mode: "TEXT",
        window_bits: 24,
        input_block_bits: 16,
      }),
    }),
  },
  {
    name: "compressor: no library",
    filters: filter("Compressor", {}),
    error: { path: `${path}.compressor_library`, says: "", envoySays: "CompressorLibrary" },
  },
  {
    name: "compressor: a library that decompresses",
    filters: filter("Compressor", { compressor_library: library("Gzip", "decompressor") }),
    error: {
      path: `${path}.compressor_library.typed_config`,
      says: "compresses nothing",
      envoySays: "Didn't find a registered implementation for type: ",
    },
  },
  {
    name: "compressor: window bits that gzip has not",
    filters: filter("Compressor", { compressor_library: library("Gzip", "compressor", { window_bits: 16 }) }),
    error: { path: `${path}.compressor_library.typed_config.window_bits`, says: "", envoySays: "WindowBits" },
  },
  {
    name: "compressor: a route's library",
    filters: filter("Compressor", gzip),
    route: perRoute({ overrides: { compressor_library: library("Zstd", "compressor") } }),
  },
  {
    name: "compressor: a route that says nothing",
    filters: filter("Compressor", gzip),
    route: perRoute({}),
    error: {
      path: 'route_config.virtual_hosts[0].routes[0].typed_per_filter_config["f"]',
      says: "",
      envoySays: "override",
    },
  },
  {
    name: "decompressor: a library",
    filters: filter("Decompressor", { decompressor_library: library("Zstd", "decompressor") }),
  },
  {
    name: "decompressor: no library",
    filters: filter("Decompressor", {}),
    error: { path: `${path}.decompressor_library`, says: "", envoySays: "DecompressorLibrary" },
  },
  {
    name: "decompressor: a library that compresses",
    filters: filter("Decompressor", { decompressor_library: library("Gzip", "compressor") }),
    error: {
      path: `${path}.decompressor_library.typed_config`,
      says: "decompresses nothing",
      envoySays: "Didn't find a registered implementation for type: ",
    },
  },
];
