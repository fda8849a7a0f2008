import { checkCoverage } from "../../proto/coverage.ts";
import {
  type CsrfPolicy,
  CsrfPolicySchema,
} from "../../proto/generated/envoy/extensions/filters/http/csrf/v3/csrf_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseRuntimeFraction, parseStringMatcher } from "../../router/parse-match.ts";
import type { RuntimeFractionSpec, StringMatcherSpec } from "../../router/spec.ts";

/** extensions.filters.http.csrf.v3.CsrfPolicy, of the filter or of a route. */
export interface CsrfPolicySpec {
  /** null: always. */
  filterEnabled: RuntimeFractionSpec | null;
  /** null: never. */
  shadowEnabled: RuntimeFractionSpec | null;
  additionalOrigins: StringMatcherSpec[];
}

export function parseCsrfPolicy(message: CsrfPolicy, problems: Problems): CsrfPolicySpec {
  checkCoverage(CsrfPolicySchema, message, problems, {
    honoured: ["filter_enabled", "shadow_enabled", "additional_origins"],
    harmless: [],
  });
  return {
    filterEnabled: parseRuntimeFraction(message.filterEnabled),
    shadowEnabled: parseRuntimeFraction(message.shadowEnabled),
    additionalOrigins: message.additionalOrigins.map((matcher, i) =>
      parseStringMatcher(matcher, problems.at(`additional_origins[${i}]`)),
    ),
  };
}
