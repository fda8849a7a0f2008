import type { FilterConfigCase } from "./config-cases.ts";

type Json = { [key: string]: unknown };

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const setMetadataType = `${http}set_metadata.v3.Config`;
const set = (config: Json): Json[] => [{ name: "set", typed_config: { "@type": setMetadataType, ...config } }];
const path = "http_filters[0].typed_config";

/** Filters that write dynamic metadata and filter state. */
export const ofMetadata: readonly FilterConfigCase[] = [
  { name: "set_metadata: nothing at all", filters: set({}) },
  {
    name: "set_metadata: an entry without a value",
    filters: set({ metadata: [{ metadata_namespace: "a" }] }),
    warns: "has no value, so it sets nothing",
  },
  {
    name: "set_metadata: a typed value",
    filters: set({ metadata: [{ metadata_namespace: "a", typed_value: { "@type": setMetadataType } }] }),
    error: { path: `${path}.metadata[0].typed_value`, says: "is not implemented", envoySays: null },
  },
  {
    name: "set_metadata: a typed value beside a plain one",
    filters: set({ metadata: [{ metadata_namespace: "a", value: {}, typed_value: { "@type": setMetadataType } }] }),
    warns: "has no effect beside value",
  },
];
