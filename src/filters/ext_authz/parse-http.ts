import { checkCoverage } from "../../proto/coverage.ts";
import { durationMsOr } from "../../proto/duration.ts";
import {
  type HeaderValue,
  type RetryPolicy,
  RetryPolicySchema,
} from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  AuthorizationRequestSchema,
  AuthorizationResponseSchema,
  type HttpService,
  HttpServiceSchema,
} from "../../proto/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts";
import type { ListStringMatcher } from "../../proto/generated/envoy/type/matcher/v3/string_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseHeaderName } from "../../router/parse-headers.ts";
import { parseStringMatcher } from "../../router/parse-match.ts";
import { parseRetryOn } from "../../router/retry-on.ts";
import type { HeaderAddSpec, StringMatcherSpec } from "../../router/spec.ts";
import { compileTemplate } from "../../router/template-value.ts";
import type { AuthzRetrySpec, HttpAuthzSpec } from "./spec.ts";

/** extensions.filters.http.ext_authz.v3.HttpService. The deprecated allowed_headers is the caller's. */
export function parseHttpAuthz(message: HttpService, problems: Problems): HttpAuthzSpec {
  checkCoverage(HttpServiceSchema, message, problems, {
    honoured: [
      "server_uri",
      "path_prefix",
      "path_override",
      "authorization_request",
      "authorization_response",
      "retry_policy",
    ],
    harmless: [],
  });
  const {
    serverUri,
    pathPrefix,
    pathOverride,
    authorizationRequest: request,
    authorizationResponse: response,
  } = message;
  if (request !== undefined) {
    checkCoverage(AuthorizationRequestSchema, request, problems.at("authorization_request"), {
      honoured: ["allowed_headers", "headers_to_add"],
      harmless: [],
    });
  }
  if (response !== undefined) {
    checkCoverage(AuthorizationResponseSchema, response, problems.at("authorization_response"), {
      honoured: [
        "allowed_upstream_headers",
        "allowed_upstream_headers_to_append",
        "allowed_client_headers",
        "allowed_client_headers_on_success",
        "dynamic_metadata_from_headers",
      ],
      harmless: [],
    });
  }
  for (const [name, path] of Object.entries({ path_prefix: pathPrefix, path_override: pathOverride })) {
    if (path === "" || path.startsWith("/")) continue;
    problems.error(name, `"${path}" must begin with "/"`, { envoyText: `${name} should start with "/".` });
  }
  if (pathPrefix !== "" && pathOverride !== "") {
    const text = "Only one of path_prefix or path_override may be set, not both.";
    problems.error("path_override", text, { envoyText: text });
  }
  const at = problems.at("authorization_response");
  const list = (name: string, of: ListStringMatcher | undefined) => parseList(of, at.at(name));
  const client = list("allowed_client_headers", response?.allowedClientHeaders);
  return {
    kind: "http",
    cluster: serverUri?.httpUpstreamType.value ?? "",
    timeoutMs: durationMsOr(serverUri?.timeout, defaultTimeoutMs),
    pathPrefix,
    pathOverride,
    retry: parseRetry(message.retryPolicy, problems.at("retry_policy")),
    headersToAdd: (request?.headersToAdd ?? []).map((field, i) =>
      parseField(field, problems.at(`authorization_request.headers_to_add[${i}]`)),
    ),
    toUpstream: list("allowed_upstream_headers", response?.allowedUpstreamHeaders),
    toUpstreamAppended: list("allowed_upstream_headers_to_append", response?.allowedUpstreamHeadersToAppend),
    toClient: client.length === 0 ? null : [...client, ...alwaysToClient],
    toClientOnSuccess: list("allowed_client_headers_on_success", response?.allowedClientHeadersOnSuccess),
    toMetadata: list("dynamic_metadata_from_headers", response?.dynamicMetadataFromHeaders),
  };
}

/** Envoy: Http::Utility::convertCoreToRouteRetryPolicy. */
function parseRetry(message: RetryPolicy | undefined, problems: Problems): AuthzRetrySpec | null {
  if (message === undefined) return null;
  checkCoverage(RetryPolicySchema, message, problems, {
    honoured: ["retry_back_off", "num_retries", "retry_on"],
    harmless: [],
  });
  const retryOn = parseRetryOn(message.retryOn);
  if ((retryOn & ~parseRetryOn(knownRetryOn)) !== 0) {
    problems.error("retry_on", `knows ${knownRetryOn} only in Nuncio yet`);
  }
  const backoffBaseMs = durationMsOr(message.retryBackOff?.baseInterval, 1000);
  const backoffMaxMs = durationMsOr(message.retryBackOff?.maxInterval, backoffBaseMs * 10);
  if (backoffMaxMs < backoffBaseMs) {
    problems.error("retry_back_off.max_interval", "must be greater than or equal to the base_interval");
  }
  return { retryOn, numRetries: message.numRetries ?? 1, backoffBaseMs, backoffMaxMs };
}

function parseList(message: ListStringMatcher | undefined, problems: Problems): StringMatcherSpec[] {
  return (message?.patterns ?? []).map((pattern, i) => parseStringMatcher(pattern, problems.at(`patterns[${i}]`)));
}

function parseField({ key, value }: HeaderValue, problems: Problems): HeaderAddSpec {
  const name = parseHeaderName(key);
  if (name === "host" || name.startsWith(":")) {
    problems.error("key", `"${name}" cannot be changed here`, {
      envoyText: ":-prefixed or host headers may not be modified",
    });
  }
  const compiled = value.includes("%") ? compileTemplate(value) : null;
  if (compiled !== null && "error" in compiled) problems.error("value", compiled.error, { envoyText: compiled.error });
  return { name, value, action: "OVERWRITE_IF_EXISTS_OR_ADD", keepEmpty: false };
}

const alwaysToClient: StringMatcherSpec[] = [":status", "content-length", "www-authenticate", "location"].map(
  (value) => ({ kind: "exact", value, ignoreCase: false }),
);
const knownRetryOn = "5xx,gateway-error,connect-failure,reset,retriable-4xx";
const defaultTimeoutMs = 200;
