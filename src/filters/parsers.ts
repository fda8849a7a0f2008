import type { Message } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { unpackExtension } from "../proto/any.ts";
import { FilterConfigSchema } from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import {
  type HealthCheck,
  HealthCheckSchema,
} from "../proto/generated/envoy/extensions/filters/http/health_check/v3/health_check_pb.ts";
import { type Router, RouterSchema } from "../proto/generated/envoy/extensions/filters/http/router/v3/router_pb.ts";
import type { HttpFilter } from "../proto/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { PerFilterConfigSpec } from "../router/spec.ts";
import { parseHealthCheck } from "./health_check/parse.ts";
import { parseRouter } from "./router/parse.ts";

/** An HTTP filter of a chain: `config` is what its parse made. */
export interface HttpFilterSpec {
  name: string;
  /** Full message name, which chooses the link function. */
  type: string;
  config: unknown;
  disabled: boolean;
}

/** Reads http_filters; the main thread's half of the registry. A new filter is one line here and one in linkers.ts. */
export function parseHttpFilters(filters: readonly HttpFilter[], problems: Problems): HttpFilterSpec[] {
  const specs: HttpFilterSpec[] = [];
  if (filters.length === 0) {
    problems.warning("http_filters", "is empty: Nuncio goes to the router, real Envoy would never answer a request");
  }
  for (const [i, filter] of filters.entries()) {
    const scope = problems.at(`http_filters[${i}]`);
    if (filter.configType.case === "configDiscovery") {
      scope.error("config_discovery", "filters by ECDS are not implemented in Nuncio yet");
      continue;
    }
    const unpacked = unpackExtension(filter.name, filter.configType.value, scope, "typed_config");
    if (unpacked === null) continue;
    const type = unpacked.desc.typeName;
    const isLast = i === filters.length - 1;
    if (type === RouterSchema.typeName) {
      const config = parseRouter(unpacked.message as Router, scope.at("typed_config"));
      if (!isLast) {
        scope.error("", "the router filter must be the last of the chain", {
          envoyText: `Error: terminal filter named ${filter.name} of type envoy.filters.http.router must be the last filter in a http filter chain.`,
        });
      }
      if (filter.disabled) scope.error("disabled", "the router filter cannot be disabled");
      specs.push({ name: filter.name, type, config, disabled: false });
      continue;
    }
    const parse = parsers[type];
    if (parse !== undefined) {
      const config = parse(unpacked.message, scope.at("typed_config"));
      specs.push({ name: filter.name, type, config, disabled: filter.disabled });
    } else if (filter.isOptional)
      scope.warning("typed_config", `the optional filter ${type} is not implemented in Nuncio and left out`);
    else scope.error("typed_config", `the filter ${type} is not implemented in Nuncio yet`);
    if (isLast) {
      scope.error("", "the last filter must be the router", {
        envoyText: `Error: non-terminal filter named ${filter.name} of type ${type} is the last filter in a http filter chain.`,
      });
    }
  }
  return specs;
}

/** By full message name. */
const parsers: Record<string, (message: Message, problems: Problems) => unknown> = {
  [HealthCheckSchema.typeName]: (message, problems) => parseHealthCheck(message as HealthCheck, problems),
};

/** Reads typed_per_filter_config of any level. An override of a filter that is not implemented is refused. */
export function parseOverrides(configs: { [name: string]: Any }, problems: Problems): PerFilterConfigSpec {
  const result: PerFilterConfigSpec = {};
  for (const [name, any] of Object.entries(configs)) {
    const scope = problems.at(`typed_per_filter_config["${name}"]`);
    const unpacked = unpackExtension(name, any, scope, "");
    if (unpacked === null) continue;
    if (unpacked.desc.typeName === FilterConfigSchema.typeName) {
      const wrapper = unpacked.message as { disabled?: boolean; config?: Any; isOptional?: boolean };
      if (wrapper.config !== undefined && wrapper.isOptional !== true) {
        scope.error("config", `an override of type ${wrapper.config.typeUrl} is not implemented in Nuncio yet`);
      }
      result[name] = { config: null, disabled: wrapper.disabled ?? false };
      continue;
    }
    scope.error("", `an override of type ${unpacked.desc.typeName} is not implemented in Nuncio yet`);
  }
  return result;
}
