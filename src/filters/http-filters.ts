import { innerTypeUrl, unpackExtension } from "../proto/any.ts";
import { type Router, RouterSchema } from "../proto/generated/envoy/extensions/filters/http/router/v3/router_pb.ts";
import type { HttpFilter } from "../proto/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { typeNameOf } from "../proto/type-registry.ts";
import { filterParsers } from "./parsers.ts";
import { parseRouter } from "./router/parse.ts";

/** An HTTP filter of a chain: `config` is what its parse made. */
export interface HttpFilterSpec {
  /** What typed_per_filter_config knows it by. */
  name: string;
  /** Full message name, which chooses the link function. */
  type: string;
  config: unknown;
  /** It runs only on routes that turn it on. */
  disabled: boolean;
}

/** Reads http_filters. */
export function parseHttpFilters(filters: readonly HttpFilter[], problems: Problems): HttpFilterSpec[] {
  const specs: HttpFilterSpec[] = [];
  if (filters.length === 0) {
    problems.warning("http_filters", "is empty: Nuncio goes to the router, real Envoy would never answer a request");
  }
  for (const [i, filter] of filters.entries()) {
    const scope = problems.at(`http_filters[${i}]`);
    const isLast = i === filters.length - 1;
    const spec = parseHttpFilter(filter, scope);
    if (spec !== null) specs.push(spec);
    const type = typeOf(filter);
    if (type === RouterSchema.typeName && !isLast) {
      scope.error("", "the router filter must be the last of the chain", {
        envoyText: `Error: terminal filter named ${filter.name} of type envoy.filters.http.router must be the last filter in a http filter chain.`,
      });
    }
    if (type !== RouterSchema.typeName && isLast && type !== "") {
      scope.error("", "the last filter must be the router", {
        envoyText: `Error: non-terminal filter named ${filter.name} of type ${type} is the last filter in a http filter chain.`,
      });
    }
  }
  return specs;
}

/** Full message name; "" where it is not said. */
function typeOf(filter: HttpFilter): string {
  return filter.configType.case === "typedConfig" ? typeNameOf(innerTypeUrl(filter.configType.value)) : "";
}

/** null after telling why there is none, and for an optional filter that is left out. */
function parseHttpFilter(filter: HttpFilter, problems: Problems): HttpFilterSpec | null {
  if (filter.configType.case === "configDiscovery") {
    problems.error("config_discovery", "filters by ECDS are not implemented in Nuncio yet");
    return null;
  }
  const said = typeOf(filter);
  if (filter.isOptional && said !== "" && said !== RouterSchema.typeName && !filterParsers.has(said)) {
    problems.warning("typed_config", `the optional filter ${said} is not implemented in Nuncio and left out`);
    return null;
  }
  const unpacked = unpackExtension(filter.name, filter.configType.value, problems, "typed_config");
  if (unpacked === null) return null;
  const type = unpacked.desc.typeName;
  const scope = problems.at("typed_config").at(unpacked.innerPath);
  if (type === RouterSchema.typeName) {
    if (filter.disabled) problems.error("disabled", "the router filter cannot be disabled");
    return { name: filter.name, type, config: parseRouter(unpacked.message as Router, scope), disabled: false };
  }
  const parse = filterParsers.get(type);
  if (parse === undefined) {
    problems.error("typed_config", `the filter ${type} is not implemented in Nuncio yet`);
    return null;
  }
  return { name: filter.name, type, config: parse(unpacked.message, scope), disabled: filter.disabled };
}
