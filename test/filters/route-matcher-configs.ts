import type { FilterConfigCase } from "./config-cases.ts";

const types = "type.googleapis.com/";

export const ofRouteMatcher: FilterConfigCase[] = [
  {
    name: "a virtual host with routes and a matcher",
    virtualHost: {
      matcher: {
        matcher_list: {
          matchers: [
            {
              predicate: {
                single_predicate: {
                  input: {
                    name: "i",
                    typed_config: {
                      "@type": `${types}envoy.type.matcher.v3.HttpRequestHeaderMatchInput`,
                      header_name: "x",
                    },
                  },
                  value_match: { exact: "1" },
                },
              },
              on_match: {
                action: {
                  name: "a",
                  typed_config: {
                    "@type": `${types}envoy.config.route.v3.Route`,
                    match: { prefix: "/" },
                    direct_response: { status: 200 },
                  },
                },
              },
            },
          ],
        },
      },
    },
    error: {
      path: "route_config.virtual_hosts[0].matcher",
      says: "cannot stand beside routes",
      envoySays: "cannot set both matcher and routes on virtual host",
    },
  },
];
