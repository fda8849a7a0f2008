import { noImplementation } from "../proto/any.ts";
import {
  type Route,
  type RouteList,
  RouteListSchema,
  RouteSchema,
} from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { Matcher } from "../proto/generated/xds/type/matcher/v3/matcher_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseMatcher } from "./matching/parse.ts";
import type { InputRules } from "./matching/parse-inputs.ts";
import type { MatcherSpec } from "./matching/spec.ts";

/** VirtualHost.matcher: `takeRoute` reads a route of an action and gives its index. null after telling what is wrong. */
export function parseRouteMatcher(
  message: Matcher,
  problems: Problems,
  takeRoute: (route: Route, problems: Problems) => number,
): MatcherSpec<number[]> | null {
  return parseMatcher(
    message,
    {
      ...inputs,
      parseAction: ({ desc, message: action }, name, scope) => {
        if (desc.typeName === RouteSchema.typeName) return [takeRoute(action as Route, scope)];
        if (desc.typeName === RouteListSchema.typeName) {
          return (action as RouteList).routes.map((route, i) => takeRoute(route, scope.at(`routes[${i}]`)));
        }
        scope.error("", `is a ${desc.typeName}, and an action here is a Route or a RouteList`, {
          envoyText: noImplementation(name, desc.typeName),
        });
        return null;
      },
    },
    problems,
  );
}

const inputs: InputRules = {
  allowed: new Set([
    "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
    "envoy.extensions.matching.common_inputs.network.v3.FilterStateInput",
  ]),
  refusal: (typeName) =>
    `requirement violation while creating route match tree: INVALID_ARGUMENT: Route table can only match on request headers, saw type.googleapis.com/${typeName}`,
};
