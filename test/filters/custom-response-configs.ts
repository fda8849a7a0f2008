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

const redirectType = "envoy.extensions.http.custom_response.redirect_policy.v3.RedirectPolicy";
const uri = "http://else.test/";
const badUri = (text: string): [string, Json, string, string] => [
  text,
  { uri: text },
  "uri",
  `Invalid uri specified for redirection for custom response: ${text}`,
];
const field = (value: string, key = "a"): Json[] => [{ header: { key, value } }];
/** What of a redirect Envoy says what of; null where it takes it. */
const redirects: [what: string, config: Json, path: string, envoySays: string | null][] = [
  ["by a URL", { uri, status_code: 200 }, "", null],
  ["by a URL of any scheme", { uri: "ftp://user@[::1]:80/a?b#c" }, "", null],
  ["that changes nothing", { redirect_action: { strip_query: true } }, "", null],
  ["with a response code", { redirect_action: { path_redirect: "/a", response_code: "FOUND" } }, "", null],
  ...["/a", "http://", "http://a b/c", "http://a/b c", "http://a:99999/b", "1http://a/b", "http://a_b/", "https:a"].map(
    badUri,
  ),
  [
    "with a fragment",
    { redirect_action: { path_redirect: "/a#b" } },
    "redirect_action.path_redirect",
    "#fragment is not supported for custom response. Specified path_redirect is /a#b",
  ],
  [
    "with a prefix",
    { redirect_action: { prefix_rewrite: "/a" } },
    "redirect_action.prefix_rewrite",
    "prefix_rewrite is not supported for Custom Response",
  ],
  [
    "with a regex",
    { redirect_action: { regex_rewrite: { pattern: { regex: "a" }, substitution: "b" } } },
    "redirect_action.regex_rewrite",
    "regex_rewrite is not supported for Custom Response",
  ],
  [
    "with a bad format for the request",
    { uri, request_headers_to_add: field("%NOPE%") },
    "request_headers_to_add[0].header.value",
    "Not supported field in StreamInfo: NOPE",
  ],
  [
    "with a bad format for the answer",
    { uri, response_headers_to_add: field("%NOPE%") },
    "response_headers_to_add[0].header.value",
    "Not supported field in StreamInfo: NOPE",
  ],
  [
    "with another path",
    { uri, request_headers_to_add: field("x", ":path") },
    "request_headers_to_add[0].header.key",
    ":-prefixed or host headers may not be modified",
  ],
  [
    "with an extension",
    { uri, modify_request_headers_action: { name: "m", typed_config: typed("envoy.config.core.v3.Locality") } },
    "modify_request_headers_action.typed_config",
    "Didn't find a registered implementation for 'm' with type URL: 'envoy.config.core.v3.Locality'",
  ],
  ["with a status that is none", { uri, status_code: 99 }, "status_code", "value must be inside range [200, 999]"],
];

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
  ...redirects.map(([what, config, path, envoySays]) => ({
    name: `custom_response: a redirect, ${what}`,
    filters: matching(code, redirectType, config),
    ...(envoySays === null ? {} : { error: { path: `${action}.${path}`, says: "", envoySays } }),
  })),
];
