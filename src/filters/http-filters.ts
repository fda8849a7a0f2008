import type { Any } from "@bufbuild/protobuf/wkt";
import { innerTypeUrl, unpackExtension } from "../proto/any.ts";
import { type ConfigSourceSpec, parseConfigSource } from "../proto/config-source.ts";
import type { ExtensionConfigSource } from "../proto/generated/envoy/config/core/v3/config_source_pb.ts";
import {
  type ExtensionWithMatcher,
  ExtensionWithMatcherSchema,
} from "../proto/generated/envoy/extensions/common/matching/v3/extension_matcher_pb.ts";
import { type Router, RouterSchema } from "../proto/generated/envoy/extensions/filters/http/router/v3/router_pb.ts";
import type { HttpFilter } from "../proto/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { typeNameOf } from "../proto/type-registry.ts";
import { parseMatchDelegate } from "./match_delegate/parse.ts";
import { filterParsers, type SecretTexts } from "./parsers.ts";
import { parseRouter } from "./router/parse.ts";

/** What a filter is and how: `config` is what its parse made. */
export interface FilterConfigSpec {
  /** Full message name, which chooses the link function; "" where no config is there. */
  type: string;
  config: unknown;
}

/** An HTTP filter of a chain. */
export interface HttpFilterSpec extends FilterConfigSpec {
  /** What typed_per_filter_config knows it by, and ECDS its config. */
  name: string;
  /** It runs only on routes that turn it on. */
  disabled: boolean;
  /** null where `type` and `config` are all; else they are what is in force until others come. */
  discovery: FilterDiscoverySpec | null;
}

/** Where a filter's config comes from. Envoy: ExtensionConfigSource. */
interface FilterDiscoverySpec {
  source: ConfigSourceSpec;
  /** Full names of the messages that may come. */
  types: string[];
  /** apply_default_config_without_warming: the listener does not wait. */
  isDefaultAtOnce: boolean;
}

/** Reads http_filters. */
export function parseHttpFilters(
  filters: readonly HttpFilter[],
  problems: Problems,
  secrets: SecretTexts,
): HttpFilterSpec[] {
  const specs: HttpFilterSpec[] = [];
  if (filters.length === 0) {
    problems.warning("http_filters", "is empty: Nuncio goes to the router, real Envoy would never answer a request");
  }
  for (const [i, filter] of filters.entries()) {
    const scope = problems.at(`http_filters[${i}]`);
    const isLast = i === filters.length - 1;
    const spec = parseHttpFilter(filter, scope, secrets);
    if (spec !== null) specs.push(spec);
    const types = typesOf(filter);
    const routers = types.filter((type) => type === RouterSchema.typeName).length;
    if (routers > 0 && !isLast) {
      scope.error("", "the router filter must be the last of the chain", {
        envoyText: `Error: terminal filter named ${filter.name} of type envoy.filters.http.router must be the last filter in a http filter chain.`,
      });
    }
    if (isLast && routers < types.length) {
      scope.error("", "the last filter must be the router", {
        envoyText: `Error: non-terminal filter named ${filter.name} of type ${types[0]} is the last filter in a http filter chain.`,
      });
    }
  }
  return specs;
}

/** Full names of the messages that it may be configured by; none where it is not said. */
function typesOf({ configType }: HttpFilter): string[] {
  if (configType.case === "configDiscovery") return configType.value.typeUrls.map(typeNameOf);
  const type = configType.case === "typedConfig" ? typeNameOf(innerTypeUrl(configType.value)) : "";
  return type === "" ? [] : [type];
}

/** A filter's config from its message; null after telling why there is none. */
export function parseFilterConfig(
  name: string,
  any: Any | undefined,
  problems: Problems,
  secrets: SecretTexts,
): FilterConfigSpec | null {
  const unpacked = unpackExtension(name, any, problems, "");
  if (unpacked === null) return null;
  const type = unpacked.desc.typeName;
  const scope = problems.at(unpacked.innerPath);
  if (type === RouterSchema.typeName) return { type, config: parseRouter(unpacked.message as Router, scope) };
  if (type === ExtensionWithMatcherSchema.typeName) {
    const parseInner = (inner: string, config: Any | undefined, at: Problems) => {
      const spec = parseFilterConfig(inner, config, at, secrets);
      if (spec?.type === RouterSchema.typeName)
        at.error("", "the router cannot be skipped: it is the last of the chain");
      return spec;
    };
    const config = parseMatchDelegate(unpacked.message as ExtensionWithMatcher, scope, parseInner);
    return config === null ? null : { type, config };
  }
  const parse = filterParsers.get(type);
  if (parse === undefined) {
    problems.error("", `the filter ${type} is not implemented in Nuncio yet`);
    return null;
  }
  return { type, config: parse(unpacked.message, scope, secrets) };
}

function isKnown(type: string): boolean {
  return filterParsers.has(type) || type === RouterSchema.typeName || type === ExtensionWithMatcherSchema.typeName;
}

/** Says whether a filter may have a config of `type` by ECDS. */
export function checkDiscoveredType(type: string, allowed: readonly string[], problems: Problems): void {
  if (allowed.includes(type)) return;
  problems.error("typed_config", `is a ${type}; type_urls allow ${allowed.join(", ")}`, {
    envoyText: `Error: filter config has type URL ${type} but expect ${allowed.join(", ")}.`,
  });
}

/** null after telling why there is none, and for an optional filter that is left out. */
function parseHttpFilter(filter: HttpFilter, problems: Problems, secrets: SecretTexts): HttpFilterSpec | null {
  if (filter.configType.case === "configDiscovery") {
    return parseDiscovery(filter, filter.configType.value, problems.at("config_discovery"), secrets);
  }
  const [said = ""] = typesOf(filter);
  if (filter.isOptional && said !== "" && !isKnown(said)) {
    problems.warning("typed_config", `the optional filter ${said} is not implemented in Nuncio and left out`);
    return null;
  }
  const config = parseFilterConfig(filter.name, filter.configType.value, problems.at("typed_config"), secrets);
  if (config === null) return null;
  if (config.type === RouterSchema.typeName && filter.disabled) {
    problems.error("disabled", "the router filter cannot be disabled");
  }
  return { name: filter.name, ...config, disabled: filter.disabled, discovery: null };
}

function parseDiscovery(
  filter: HttpFilter,
  message: ExtensionConfigSource,
  problems: Problems,
  secrets: SecretTexts,
): HttpFilterSpec | null {
  const types = message.typeUrls.map(typeNameOf);
  for (const [i, type] of types.entries()) {
    if (filterParsers.has(type) || type === RouterSchema.typeName) continue;
    problems.error(`type_urls[${i}]`, `the filter ${type} is not implemented in Nuncio yet`, {
      envoyText: `Error: no factory found for a required type URL ${type}.`,
    });
  }
  const hasDefault = message.defaultConfig !== undefined;
  if (message.applyDefaultConfigWithoutWarming && !hasDefault) {
    problems.error("apply_default_config_without_warming", "there is no default_config to apply", {
      envoyText: `Error: filter config ${filter.name} applied without warming but has no default config.`,
    });
  }
  const byDefault = hasDefault
    ? parseFilterConfig(filter.name, message.defaultConfig, problems.at("default_config"), secrets)
    : null;
  if (byDefault !== null) checkDiscoveredType(byDefault.type, types, problems.at("default_config"));
  const source = parseConfigSource(message.configSource, problems.at("config_source"));
  if (source === null) return null;
  return {
    name: filter.name,
    type: byDefault?.type ?? "",
    config: byDefault?.config ?? null,
    disabled: filter.disabled,
    discovery: { source, types, isDefaultAtOnce: message.applyDefaultConfigWithoutWarming },
  };
}
