import type { JsonObject } from "@bufbuild/protobuf";
import { checkCoverage } from "../../proto/coverage.ts";
import {
  type Config,
  type Metadata,
  MetadataSchema,
} from "../../proto/generated/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.ts";
import type { Problems } from "../../proto/problems.ts";

/** What is said under a namespace. */
export interface MetadataEntrySpec {
  namespace: string;
  value: JsonObject;
  /** Where something is there already: add to it, or leave it. */
  overwrites: boolean;
}

/** extensions.filters.http.set_metadata.v3.Config, of the filter or of a route. The deprecated entry is the first. */
export function parseSetMetadata(message: Config, problems: Problems): MetadataEntrySpec[] {
  const { metadataNamespace: namespace, value = {}, metadata } = message;
  const entries = namespace === "" ? [] : [{ namespace, value, overwrites: true }];
  for (const [i, entry] of metadata.entries()) {
    const spec = parseEntry(entry, problems.at(`metadata[${i}]`));
    if (spec !== null) entries.push(spec);
  }
  return entries;
}

/** null: it says nothing. */
function parseEntry(message: Metadata, problems: Problems): MetadataEntrySpec | null {
  const { metadataNamespace: namespace, value, allowOverwrite: overwrites } = message;
  if (value !== undefined) {
    // Envoy does not look at typed_value then.
    if (message.typedValue !== undefined) problems.warning("typed_value", "has no effect beside value");
    return { namespace, value, overwrites };
  }
  checkCoverage(MetadataSchema, message, problems, {
    honoured: ["metadata_namespace", "allow_overwrite", "value"],
    harmless: [],
  });
  if (message.typedValue === undefined) problems.warning("", "has no value, so it sets nothing");
  return null;
}
