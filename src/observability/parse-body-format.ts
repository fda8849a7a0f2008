import type { SubstitutionFormatString } from "../proto/generated/envoy/config/core/v3/substitution_format_string_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseFormatString } from "./access-log-parse.ts";
import type { BodyFormatSpec } from "./body-format.ts";

/** null without one, and after telling what is wrong. */
export function parseBodyFormat(
  format: SubstitutionFormatString | undefined,
  problems: Problems,
): BodyFormatSpec | null {
  if (format === undefined) return null;
  const spec = parseFormatString(format, problems);
  const contentType = format.contentType || (format.format.case === "jsonFormat" ? "application/json" : "text/plain");
  return spec === null ? null : { format: spec, contentType };
}
