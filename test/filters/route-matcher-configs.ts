import { act, list, requestHeader, valueIs } from "../xds-matchers.ts";
import type { FilterConfigCase } from "./config-cases.ts";

export const ofRouteMatcher: FilterConfigCase[] = [
  {
    name: "a virtual host with routes and a matcher",
    virtualHost: {
      matcher: list([
        valueIs(requestHeader("x"), { exact: "1" }),
        act("envoy.config.route.v3.Route", { match: { prefix: "/" }, direct_response: { status: 200 } }),
      ]),
    },
    error: {
      path: "route_config.virtual_hosts[0].matcher",
      says: "cannot stand beside routes",
      envoySays: "cannot set both matcher and routes on virtual host",
    },
  },
];
