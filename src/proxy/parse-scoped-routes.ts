import { parseConfigSource } from "../proto/config-source.ts";
import { checkCoverage } from "../proto/coverage.ts";
import type { ScopedRouteConfiguration } from "../proto/generated/envoy/config/route/v3/scoped_route_pb.ts";
import {
  type ScopedRds,
  ScopedRdsSchema,
  type ScopedRoutes,
  type ScopedRoutes_ScopeKeyBuilder,
} from "../proto/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { type ScopeFragmentSpec, scopeKey } from "../router/scope-key.ts";
import { parseInlineRoutes } from "./parse-routes.ts";
import type { ScopedRdsSpec, ScopedRoutesSpec, ScopeSpec } from "./spec.ts";

/** ScopedRoutes to its Spec; null after telling a fault. */
export function parseScopedRoutes(message: ScopedRoutes, problems: Problems): ScopedRoutesSpec | null {
  const before = problems.errorCount;
  const fragments = parseKeyBuilder(message.scopeKeyBuilder, problems.at("scope_key_builder"));
  const spec: ScopedRoutesSpec = { name: message.name, fragments, inline: null, scopedRds: null };
  const specifier = message.configSpecifier;
  if (specifier.case === "scopedRouteConfigurationsList") {
    const at = problems.at("scoped_route_configurations_list");
    spec.inline = specifier.value.scopedRouteConfigurations.flatMap((scope, i) => {
      const scoped = at.at(`scoped_route_configurations[${i}]`);
      if (scope.routeConfigurationName !== "") {
        scoped.error(
          "route_configuration_name",
          "names routes by RDS; a list of scopes holds their route_configuration",
          {
            envoyText: "Fetching routes via RDS (route_configuration_name) is not supported with inline scoped routes.",
          },
        );
      }
      const one = parseScope(scope, scoped);
      return one === null ? [] : [one];
    });
  } else if (specifier.case === "scopedRds") {
    spec.scopedRds = parseScopedRds(specifier.value, message, problems);
  }
  return problems.errorCount > before ? null : spec;
}

/** One scope, of a list or by SRDS; null after telling a fault. */
export function parseScope(message: ScopedRouteConfiguration, problems: Problems): ScopeSpec | null {
  const before = problems.errorCount;
  if (message.onDemand) {
    problems.error(
      "on_demand",
      "scopes on demand are not implemented in Nuncio; leave it out, and the scope is loaded at once",
    );
  }
  const { routeConfiguration, routeConfigurationName } = message;
  if (routeConfiguration === undefined && routeConfigurationName === "") {
    problems.error("route_configuration_name", "is empty, and there is no route_configuration", {
      envoyText: "route_configuration_name is empty.",
    });
  }
  const routeConfig =
    routeConfiguration === undefined ? null : parseInlineRoutes(routeConfiguration, problems.at("route_configuration"));
  if (problems.errorCount > before) return null;
  const fragments = message.key?.fragments ?? [];
  return {
    name: message.name,
    key: scopeKey(fragments.map(({ type }) => type.value ?? "")),
    routeConfigName: routeConfig === null ? routeConfigurationName : "",
    routeConfig,
  };
}

function parseScopedRds(message: ScopedRds, routes: ScopedRoutes, problems: Problems): ScopedRdsSpec | null {
  checkCoverage(ScopedRdsSchema, message, problems.at("scoped_rds"), {
    honoured: ["scoped_rds_config_source"],
    harmless: [],
  });
  const source = parseConfigSource(message.scopedRdsConfigSource, problems.at("scoped_rds.scoped_rds_config_source"));
  const rdsSource = parseConfigSource(routes.rdsConfigSource, problems.at("rds_config_source"));
  return source === null || rdsSource === null ? null : { setId: JSON.stringify(source), source, rdsSource };
}

function parseKeyBuilder(message: ScopedRoutes_ScopeKeyBuilder | undefined, problems: Problems): ScopeFragmentSpec[] {
  return (message?.fragments ?? []).flatMap(({ type }, i) => {
    if (type.case === undefined) return [];
    const at = problems.at(`fragments[${i}].header_value_extractor`);
    const { name, elementSeparator, extractType } = type.value;
    const byName = { header: name.toLowerCase(), elementSeparator };
    if (extractType.case === "element") {
      const { key, separator } = extractType.value;
      return [{ ...byName, index: -1, key, keySeparator: separator }];
    }
    if (extractType.case === undefined) {
      at.error("", "says not which part of the value counts: set index or element", {
        envoyText: "HeaderValueExtractor extract_type not set.",
      });
    } else if (extractType.value > 0 && elementSeparator === "") {
      at.error("index", "a value that is not split by an element_separator has index 0 only", {
        envoyText: "Index > 0 for empty string element separator.",
      });
    }
    return [{ ...byName, index: extractType.value ?? 0, key: "", keySeparator: "" }];
  });
}
