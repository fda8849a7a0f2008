import type { Any } from "@bufbuild/protobuf/wkt";
import { innerTypeUrl, unpackExtension } from "../proto/any.ts";
import { type FilterConfig, FilterConfigSchema } from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { typeNameOf } from "../proto/type-registry.ts";
import type { PerFilterConfigSpec, PerFilterSpec } from "../router/spec.ts";
import { filterParsers, perRouteParsers } from "./parsers.ts";

/** Reads typed_per_filter_config of any level. What no filter of Nuncio takes is refused, unless it is optional. */
export function parsePerRoute(configs: { [name: string]: Any }, problems: Problems): PerFilterConfigSpec {
  const result: PerFilterConfigSpec = {};
  for (const [name, any] of Object.entries(configs)) {
    const scope = problems.at(`typed_per_filter_config["${name}"]`);
    const spec = isFilterConfig(any) ? parseFilterConfig(name, any, scope) : parseConfig(name, any, false, scope);
    if (spec !== null) result[name] = spec;
  }
  return result;
}

/** config.route.v3.FilterConfig: a config with words about it. */
function parseFilterConfig(name: string, any: Any, problems: Problems): PerFilterSpec | null {
  const unpacked = unpackExtension(name, any, problems, "");
  if (unpacked === null) return null;
  const wrapper = unpacked.message as FilterConfig;
  // Envoy does not look at the config of a filter that is off.
  if (wrapper.disabled) return { type: "", config: null, disabled: true };
  if (wrapper.config === undefined) {
    problems.error("", "says nothing: set disabled or config", {
      envoyText: `Empty route/virtual host per filter configuration for ${name} filter`,
    });
    return null;
  }
  // An empty one switches a filter on that is off: Envoy Gateway sends it.
  if (wrapper.config.typeUrl === "") return { type: "", config: null, disabled: false };
  return parseConfig(name, wrapper.config, wrapper.isOptional, problems.at("config"));
}

function parseConfig(name: string, any: Any, isOptional: boolean, problems: Problems): PerFilterSpec | null {
  const type = typeNameOf(innerTypeUrl(any));
  const parse = perRouteParsers.get(type);
  if (isOptional && parse === undefined) {
    problems.warning("", `the optional config ${type} is not implemented in Nuncio and left out`);
    return null;
  }
  if (filterParsers.has(type) && parse === undefined) {
    const text = `The filter ${name} doesn't support virtual host or route specific configurations`;
    problems.error("", text, { envoyText: text });
    return null;
  }
  if (parse === undefined && type.startsWith("envoy.") && !type.startsWith("envoy.extensions.filters.http.")) {
    problems.error("", `is a ${type}, which no HTTP filter reads`, {
      envoyText: `Didn't find a registered implementation for '${name}' with type URL: '${type}'`,
    });
    return null;
  }
  const unpacked = unpackExtension(name, any, problems, "");
  if (unpacked === null) return null;
  if (parse === undefined) {
    problems.error("", `a per-route config of type ${type} is not implemented in Nuncio yet`);
    return null;
  }
  return { type, config: parse(unpacked.message, problems.at(unpacked.innerPath)), disabled: false };
}

function isFilterConfig(any: Any): boolean {
  return typeNameOf(innerTypeUrl(any)) === FilterConfigSchema.typeName;
}
