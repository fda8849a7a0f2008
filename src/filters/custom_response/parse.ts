import type { BodyFormatSpec } from "../../observability/body-format.ts";
import { parseBodyFormat } from "../../observability/parse-body-format.ts";
import type { Unpacked } from "../../proto/any.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import {
  type CustomResponse,
  CustomResponseSchema,
} from "../../proto/generated/envoy/extensions/filters/http/custom_response/v3/custom_response_pb.ts";
import {
  type LocalResponsePolicy,
  LocalResponsePolicySchema,
} from "../../proto/generated/envoy/extensions/http/custom_response/local_response_policy/v3/local_response_policy_pb.ts";
import {
  type RedirectPolicy,
  RedirectPolicySchema,
} from "../../proto/generated/envoy/extensions/http/custom_response/redirect_policy/v3/redirect_policy_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseMatcher } from "../../router/matching/parse.ts";
import type { MatcherSpec } from "../../router/matching/spec.ts";
import { parseAddition } from "../../router/parse-headers.ts";
import { readSource } from "../../router/read-source.ts";
import type { HeaderAddSpec } from "../../router/spec.ts";
import { compileTemplate } from "../../router/template-value.ts";
import { parseRedirectPolicy, type RedirectPolicySpec } from "./parse-redirect.ts";

/** extensions.filters.http.custom_response.v3.CustomResponse, of the filter or of a route; null: nothing is replaced. */
export interface CustomResponseSpec {
  matcher: MatcherSpec<ResponsePolicySpec> | null;
}

/** What is done with an answer. */
type ResponsePolicySpec = LocalPolicySpec | RedirectPolicySpec;

/** extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy. */
export interface LocalPolicySpec {
  kind: "local";
  /** UTF-8. */
  body: string;
  bodyFormat: BodyFormatSpec | null;
  /** 0: that of the response. */
  status: number;
  headersToAdd: HeaderAddSpec[];
  /** RESPONSE_CODE_DETAILS; null: what the response had. */
  details: string | null;
}

export function parseCustomResponse(message: CustomResponse, problems: Problems): CustomResponseSpec {
  checkCoverage(CustomResponseSchema, message, problems, { honoured: ["custom_response_matcher"], harmless: [] });
  const matcher = message.customResponseMatcher;
  if (matcher === undefined) return { matcher: null };
  const rules = { allowed: null, refusal: () => "", parseAction };
  return { matcher: parseMatcher(matcher, rules, problems.at("custom_response_matcher")) };
}

function parseAction({ desc, message }: Unpacked, name: string, problems: Problems): ResponsePolicySpec | null {
  switch (desc.typeName) {
    case LocalResponsePolicySchema.typeName:
      return parseLocal(message as LocalResponsePolicy, problems);
    case RedirectPolicySchema.typeName:
      return parseRedirectPolicy(message as RedirectPolicy, problems);
    default:
      problems.error("", `is a ${desc.typeName}, which is no policy here`, {
        envoyText: `Didn't find a registered implementation for '${name}' with type URL: '${desc.typeName}'`,
      });
      return null;
  }
}

function parseLocal(message: LocalResponsePolicy, problems: Problems): LocalPolicySpec {
  checkCoverage(LocalResponsePolicySchema, message, problems, {
    honoured: [
      "body",
      "body_format",
      "status_code",
      "response_headers_to_add",
      "preserve_response_code_details",
      "response_code_details",
    ],
    harmless: [],
  });
  const { body, responseCodeDetailsAction: details } = message;
  return {
    kind: "local",
    body: body === undefined ? "" : Buffer.from(readSource(body, problems.at("body"))).toString(),
    bodyFormat: parseBodyFormat(message.bodyFormat, problems.at("body_format")),
    status: message.statusCode ?? 0,
    headersToAdd: message.responseHeadersToAdd.map((option, i) =>
      parseAddition(option, problems.at(`response_headers_to_add[${i}]`), compileTemplate),
    ),
    details:
      details.case === "responseCodeDetails"
        ? details.value
        : details.case === "preserveResponseCodeDetails" && details.value
          ? null
          : "",
  };
}
