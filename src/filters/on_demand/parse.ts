import { checkCoverage } from "../../proto/coverage.ts";
import {
  type OnDemand,
  OnDemandSchema,
  type PerRouteConfig,
  PerRouteConfigSchema,
} from "../../proto/generated/envoy/extensions/filters/http/on_demand/v3/on_demand_pb.ts";
import type { Problems } from "../../proto/problems.ts";

/** envoy.extensions.filters.http.on_demand.v3.OnDemand: virtual hosts on demand need no word; clusters on demand are refused. */
export function parseOnDemand(message: OnDemand, problems: Problems): null {
  checkCoverage(OnDemandSchema, message, problems, { honoured: [], harmless: [] });
  return null;
}

/** Of a route, virtual host or route configuration: it says nothing but clusters on demand. */
export function parseOnDemandPerRoute(message: PerRouteConfig, problems: Problems): null {
  checkCoverage(PerRouteConfigSchema, message, problems, { honoured: [], harmless: [] });
  return null;
}
