import { act, input, list, typed, valueIs } from "../xds-matchers.ts";
import type { FilterConfigCase } from "./config-cases.ts";

/** JSON as a bootstrap is written in. */
type Json = { [key: string]: unknown };

const policyType = "envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy";
const matching = (inputType: string, actionType: string, config: Json): Json[] => [
  {
    name: "f",
    typed_config: typed("envoy.extensions.filters.http.custom_response.v3.CustomResponse", {
      custom_response_matcher: list([valueIs(input(inputType), { exact: "404" }), act(actionType, config)]),
    }),
  },
];
const code = "envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput";
const action =
  "http_filters[0].typed_config.custom_response_matcher.matcher_list.matchers[0].on_match.action.typed_config";

export const ofCustomResponse: FilterConfigCase[] = [
  {
    name: "custom_response: by status",
    filters: matching(code, policyType, { body: { inline_string: "a" } }),
  },
  {
    name: "custom_response: a bad format",
    filters: matching(code, policyType, { body_format: { text_format: "%NOPE%" } }),
    error: {
      path: `${action}.body_format.text_format`,
      says: "NOPE",
      envoySays: "Not supported field in StreamInfo: NOPE",
    },
  },
  {
    name: "custom_response: a redirect",
    filters: matching(code, "envoy.extensions.http.custom_response.redirect_policy.v3.RedirectPolicy", {
      uri: "https://else.test/",
    }),
    error: { path: action, says: "not implemented in Nuncio yet", envoySays: null },
  },
];
