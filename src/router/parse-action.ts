import { checkCoverage } from "../proto/coverage.ts";
import { SubstitutionFormatStringSchema } from "../proto/generated/envoy/config/core/v3/substitution_format_string_pb.ts";
import type {
  DirectResponseAction,
  RedirectAction,
  Route,
} from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { CompileValue } from "./header-mutation.ts";
import type { ParseDeps, RouteContext } from "./parse.ts";
import { parseClusterAction } from "./parse-cluster-action.ts";
import { parseFormatRewrite } from "./parse-path-policy.ts";
import { parseRegexRewrite } from "./parse-policies.ts";
import { readSource } from "./read-source.ts";
import type {
  ActionSpec,
  DirectResponseSpec,
  PathMatchSpec,
  PathRewriteSpec,
  RedirectSpec,
  RouteMatchSpec,
} from "./spec.ts";

/** The action of a route with its match. `problems` is that of the route. */
export function parseAction(
  message: Route,
  match: RouteMatchSpec,
  problems: Problems,
  deps: ParseDeps,
  context: RouteContext,
): ActionSpec {
  const action = message.action;
  switch (action.case) {
    case "route":
      return parseClusterAction(action.value, match.path, problems.at("route"), deps, context);
    case "redirect":
      return parseRedirect(action.value, match.path, problems.at("redirect"), context.compileValue);
    case "directResponse":
      return parseDirectResponse(
        action.value,
        problems.at("direct_response"),
        context,
        deps.refused?.get(message) ?? "direct_response",
      );
    case "nonForwardingAction":
      return { kind: "none" };
    case "filterAction":
      problems.error("filter_action", "is not implemented in Nuncio yet; ignoring it would change what a request gets");
      return { kind: "none" };
    case undefined:
      problems.error("", "has no action: one of route, redirect, direct_response, non_forwarding_action must be set");
      return { kind: "none" };
  }
}

/** Of a route, or of a policy that redirects. */
export function parseRedirect(
  message: RedirectAction,
  match: PathMatchSpec,
  problems: Problems,
  compile: CompileValue | null,
): RedirectSpec {
  const scheme = message.schemeRewriteSpecifier;
  const path = message.pathRewriteSpecifier;
  return {
    kind: "redirect",
    status: redirectCodes[message.responseCode] ?? 301,
    scheme:
      scheme.case === "schemeRedirect" ? scheme.value : scheme.case === "httpsRedirect" && scheme.value ? "https" : "",
    host: message.hostRedirect,
    port: message.portRedirect,
    path: path.case === "pathRedirect" ? path.value : "",
    pathRewrite: parseRedirectRewrite(message, match, problems, compile),
    stripQuery: message.stripQuery,
  };
}

function parseRedirectRewrite(
  message: RedirectAction,
  match: PathMatchSpec,
  problems: Problems,
  compile: CompileValue | null,
): PathRewriteSpec | null {
  const path = message.pathRewriteSpecifier;
  switch (path.case) {
    case "prefixRewrite":
      if (match.kind === "template") {
        const text = "Cannot use redirect.prefix_rewrite with path_match_policy";
        problems.error("prefix_rewrite", text, { envoyText: text });
      }
      return path.value === "" ? null : { kind: "prefix", value: path.value };
    case "regexRewrite":
      return { kind: "regex", rewrite: parseRegexRewrite(path.value, problems.at("regex_rewrite")) };
    case "pathRewrite":
      return parseFormatRewrite(path.value, "path", problems, compile);
    case "pathRedirect":
    case undefined:
      return null;
  }
}

function parseDirectResponse(
  message: DirectResponseAction,
  problems: Problems,
  context: RouteContext,
  details: string,
): DirectResponseSpec {
  const body = message.body === undefined ? new Uint8Array() : readSource(message.body, problems.at("body"));
  if (body.length > context.maxBodyBytes) {
    problems.error(
      "body",
      `has ${body.length} bytes, more than max_direct_response_body_size_bytes (${context.maxBodyBytes})`,
      {
        envoyText: `response body size is ${body.length} bytes; maximum is ${context.maxBodyBytes}`,
      },
    );
  }
  return {
    kind: "direct",
    status: message.status,
    body,
    bodyFormat: parseBodyFormat(message, problems.at("body_format"), context),
    details,
  };
}

function parseBodyFormat(
  message: DirectResponseAction,
  problems: Problems,
  context: RouteContext,
): DirectResponseSpec["bodyFormat"] {
  const format = message.bodyFormat;
  if (format === undefined) return null;
  checkCoverage(SubstitutionFormatStringSchema, format, problems, {
    honoured: ["text_format", "text_format_source", "content_type"],
    harmless: ["omit_empty_values", "formatters", "json_format_options"],
  });
  let text = "";
  if (format.format.case === "textFormat") text = format.format.value;
  if (format.format.case === "textFormatSource")
    text = Buffer.from(readSource(format.format.value, problems.at("text_format_source"))).toString();
  const compiled = context.compileValue === null ? null : context.compileValue(text);
  if (compiled !== null && "error" in compiled)
    problems.error("text_format", compiled.error, { envoyText: compiled.error });
  return { text, contentType: format.contentType || "text/plain" };
}

const redirectCodes = [301, 302, 303, 307, 308] as const;
