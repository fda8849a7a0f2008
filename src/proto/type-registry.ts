import { createRequire } from "node:module";
import { extname } from "node:path";
import { createRegistry, type DescMessage, type Registry } from "@bufbuild/protobuf";
import {
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";
import { typeFiles } from "./generated/type-files.ts";

/**
 * The descriptor of a message by its full name (`envoy.config.route.v3.Route`), or null where the Envoy API has none.
 * Its generated file is loaded at first use: all 700 files together would cost more than the start of the process.
 */
export function findMessage(typeName: string): DescMessage | null {
  const known = loaded.get(typeName);
  if (known !== undefined) return known;
  const desc = wellKnown.getMessage(typeName) ?? loadMessage(typeName);
  loaded.set(typeName, desc);
  return desc;
}

/** The message name in a type URL: what follows the last slash, the whole string where there is none. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}

/** Every message name of the Envoy API, for suggestions. */
export function messageNames(): Iterable<string> {
  return filesByMessage().keys();
}

/** Resolves the messages of Any for protobuf-es. Holds messages only: the Envoy API uses extensions in descriptors alone. */
export const typeRegistry: Registry = {
  kind: "registry",
  [Symbol.iterator]: () => wellKnown[Symbol.iterator](),
  get: (typeName) => findMessage(typeName) ?? undefined,
  getMessage: (typeName) => findMessage(typeName) ?? undefined,
  getEnum: () => undefined,
  getExtension: () => undefined,
  getExtensionFor: () => undefined,
  getService: () => undefined,
};

function loadMessage(typeName: string): DescMessage | null {
  const file = filesByMessage().get(typeName);
  if (file === undefined) return null;
  const exports: unknown = requireGenerated(`./generated/${file}${extname(import.meta.url)}`);
  for (const value of Object.values(exports as Record<string, unknown>)) {
    if (isDescMessage(value) && !loaded.has(value.typeName)) loaded.set(value.typeName, value);
  }
  return loaded.get(typeName) ?? null;
}

function isDescMessage(value: unknown): value is DescMessage {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "message";
}

function filesByMessage(): Map<string, string> {
  if (index.size === 0) {
    for (const [file, pkg, names] of typeFiles) {
      // The v2 API is among the descriptors, but Envoy no longer knows its types.
      if (pkg.startsWith("envoy.") && !/\.v3(alpha)?(\.|$)/.test(pkg)) continue;
      for (const name of names.split(" ")) index.set(`${pkg}.${name}`, file);
    }
  }
  return index;
}

const requireGenerated = createRequire(import.meta.url);
const loaded = new Map<string, DescMessage | null>();
const index = new Map<string, string>();
const wellKnown = createRegistry(
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
);
