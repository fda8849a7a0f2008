import { parseAbsoluteUrl } from "../../http/absolute-url.ts";
import { unpackExtension } from "../../proto/any.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import {
  type RedirectAction,
  RedirectActionSchema,
} from "../../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import {
  type RedirectPolicy,
  RedirectPolicySchema,
} from "../../proto/generated/envoy/extensions/http/custom_response/redirect_policy/v3/redirect_policy_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseRedirect } from "../../router/parse-action.ts";
import { parseAddition } from "../../router/parse-headers.ts";
import type { HeaderAddSpec, RedirectSpec } from "../../router/spec.ts";
import { compileTemplate } from "../../router/template-value.ts";

/** extensions.http.custom_response.redirect_policy.v3.RedirectPolicy. */
export interface RedirectPolicySpec {
  kind: "redirect";
  /** Where the answer comes from: an absolute URL, or what is made of the request's. */
  to: string | RedirectSpec;
  /** 0: that of the answer in whose place the other stands. */
  status: number;
  requestHeadersToAdd: HeaderAddSpec[];
  responseHeadersToAdd: HeaderAddSpec[];
}

/** null after telling what is wrong. */
export function parseRedirectPolicy(message: RedirectPolicy, problems: Problems): RedirectPolicySpec | null {
  checkCoverage(RedirectPolicySchema, message, problems, {
    honoured: [
      "uri",
      "redirect_action",
      "status_code",
      "response_headers_to_add",
      "request_headers_to_add",
      "modify_request_headers_action",
    ],
    harmless: [],
  });
  const { modifyRequestHeadersAction: action } = message;
  if (action !== undefined) {
    const at = problems.at("modify_request_headers_action");
    const unpacked = unpackExtension(action.name, action.typedConfig, at, "typed_config");
    // Neither Envoy has one of its own.
    if (unpacked !== null) {
      const { typeName } = unpacked.desc;
      at.error("typed_config", `is a ${typeName}, and no extension changes the request's fields here`, {
        envoyText: `Didn't find a registered implementation for '${action.name}' with type URL: '${typeName}'`,
      });
    }
  }
  const to = parseTarget(message, problems);
  if (to === null) return null;
  return {
    kind: "redirect",
    to,
    status: message.statusCode ?? 0,
    requestHeadersToAdd: message.requestHeadersToAdd.map((option, i) =>
      parseAddition(option, problems.at(`request_headers_to_add[${i}]`), compileTemplate),
    ),
    responseHeadersToAdd: message.responseHeadersToAdd.map((option, i) =>
      parseAddition(option, problems.at(`response_headers_to_add[${i}]`), compileTemplate),
    ),
  };
}

function parseTarget(
  { redirectActionSpecifier: target }: RedirectPolicy,
  problems: Problems,
): string | RedirectSpec | null {
  switch (target.case) {
    case "uri":
      if (parseAbsoluteUrl(target.value) !== null) return target.value;
      problems.error("uri", `"${target.value}" is no absolute URL`, {
        envoyText: `Invalid uri specified for redirection for custom response: ${target.value}`,
      });
      return null;
    case "redirectAction":
      return parseAction(target.value, problems.at("redirect_action"));
    case undefined:
      // The message's own rules refuse it.
      return null;
  }
}

function parseAction(message: RedirectAction, problems: Problems): RedirectSpec | null {
  checkCoverage(RedirectActionSchema, message, problems, {
    honoured: [
      "scheme_redirect",
      "https_redirect",
      "host_redirect",
      "port_redirect",
      "path_redirect",
      "prefix_rewrite",
      "regex_rewrite",
      "strip_query",
    ],
    // Envoy does not look at them here.
    harmless: ["response_code", "path_rewrite"],
  });
  const { pathRewriteSpecifier: path } = message;
  if (path.case === "prefixRewrite" || path.case === "regexRewrite") {
    const field = path.case === "prefixRewrite" ? "prefix_rewrite" : "regex_rewrite";
    problems.error(field, "cannot be used here: path_redirect and host_redirect can", {
      envoyText: `${field} is not supported for Custom Response`,
    });
    return null;
  }
  if (path.case === "pathRedirect" && path.value.includes("#")) {
    problems.error("path_redirect", "cannot have a fragment here", {
      envoyText: `#fragment is not supported for custom response. Specified path_redirect is ${path.value}`,
    });
  }
  const { pathRewrite: _, ...rest } = parseRedirect(message, anyPath, problems, null);
  return { ...rest, pathRewrite: null };
}

const anyPath = { kind: "prefix", value: "/" } as const;
