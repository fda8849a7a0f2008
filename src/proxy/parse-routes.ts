import { parseLegacyCors } from "../filters/cors/parse.ts";
import { parsePerRoute } from "../filters/per-route.ts";
import { compileFormat } from "../observability/format.ts";
import type { RouteConfiguration } from "../proto/generated/envoy/config/route/v3/route_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { CompileValue } from "../router/header-mutation.ts";
import { parseRouteConfig } from "../router/parse.ts";
import type { RouteConfigSpec } from "../router/spec.ts";

/** RouteConfiguration to its Spec, with the overrides of the filters that there are; null after telling a fault. */
export function parseRoutes(message: RouteConfiguration, problems: Problems): RouteConfigSpec | null {
  return parseRouteConfig(message, problems, { parsePerRoute, parseLegacyCors, compileValue });
}

const compileValue: CompileValue = (template) => {
  const formatter = compileFormat(template, { missing: "" });
  return typeof formatter === "string" ? { error: formatter } : formatter;
};
