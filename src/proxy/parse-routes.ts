import { parseLegacyCors } from "../filters/cors/parse.ts";
import { parsePerRoute } from "../filters/per-route.ts";
import { compileFormat } from "../observability/format.ts";
import { type ConfigSourceSpec, parseConfigSource } from "../proto/config-source.ts";
import type { Route } from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RouteConfiguration, Vhds } from "../proto/generated/envoy/config/route/v3/route_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { CompileValue } from "../router/header-mutation.ts";
import { type ParseDeps, parseRouteConfig } from "../router/parse.ts";
import type { RouteConfigSpec } from "../router/spec.ts";

/** RouteConfiguration to its Spec, with the overrides of the filters that there are; null after telling a fault. `refused`: of IsolatedRoutes. */
export function parseRoutes(
  message: RouteConfiguration,
  problems: Problems,
  refused: ReadonlyMap<Route, string> = new Map(),
): RouteConfigSpec | null {
  return parseRouteConfig(message, problems, { ...routeDeps, refused });
}

/** Routes that stand in a listener. */
export function parseInlineRoutes(message: RouteConfiguration, problems: Problems): RouteConfigSpec | null {
  if (message.vhds !== undefined && parseVhdsSource(message.vhds, problems.at("vhds.config_source")) !== null)
    problems.error("vhds", "is implemented in Nuncio for routes by RDS only");
  return parseRoutes(message, problems);
}

/** Where virtual hosts come from; null after telling a fault. */
export function parseVhdsSource(message: Vhds, problems: Problems): ConfigSourceSpec | null {
  const source = parseConfigSource(message.configSource, problems);
  if (source === null || source.kind === "ADS" || (source.kind === "API" && source.api.isDelta)) return source;
  problems.error("", "virtual hosts come by the delta variant of xDS only", {
    envoyText: "vhds: only 'DELTA_GRPC' or 'ADS' (which uses Delta xDS) is supported as a config source.",
  });
  return null;
}

const compileValue: CompileValue = (template, missing = "") => {
  const formatter = compileFormat(template, { missing });
  return typeof formatter === "string" ? { error: formatter } : formatter;
};

/** What parsing routes takes from outside. */
export const routeDeps = { parsePerRoute, parseLegacyCors, compileValue } satisfies ParseDeps;
