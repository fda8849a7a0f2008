import type { FilterConfigCase } from "./config-cases.ts";

/** JSON as a bootstrap is written in. */
type Json = { [key: string]: unknown };

const types = "type.googleapis.com/";
const policyType = `${types}envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy`;
const matching = (typeName: string, typed_config: Json): Json[] => [
  {
    name: "f",
    typed_config: {
      "@type": `${types}envoy.extensions.filters.http.custom_response.v3.CustomResponse`,
      custom_response_matcher: {
        matcher_list: {
          matchers: [
            {
              predicate: {
                single_predicate: {
                  input: { name: "i", typed_config: { "@type": types + typeName } },
                  value_match: { exact: "404" },
                },
              },
              on_match: { action: { name: "a", typed_config } },
            },
          ],
        },
      },
    },
  },
];
const code = "envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput";
const action =
  "http_filters[0].typed_config.custom_response_matcher.matcher_list.matchers[0].on_match.action.typed_config";

export const ofCustomResponse: FilterConfigCase[] = [
  {
    name: "custom_response: by status",
    filters: matching(code, { "@type": policyType, body: { inline_string: "a" } }),
  },
  {
    name: "custom_response: a bad format",
    filters: matching(code, { "@type": policyType, body_format: { text_format: "%NOPE%" } }),
    error: {
      path: `${action}.body_format.text_format`,
      says: "NOPE",
      envoySays: "Not supported field in StreamInfo: NOPE",
    },
  },
  {
    name: "custom_response: a redirect",
    filters: matching(code, {
      "@type": `${types}envoy.extensions.http.custom_response.redirect_policy.v3.RedirectPolicy`,
      uri: "https://else.test/",
    }),
    error: { path: action, says: "not implemented in Nuncio yet", envoySays: null },
  },
];
