import type { SubstitutionFormatString } from "../proto/generated/envoy/config/core/v3/substitution_format_string_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { linkFormat } from "./access-log.ts";
import { parseFormatString } from "./access-log-parse.ts";
import type { LogFormatSpec } from "./access-log-spec.ts";
import type { Formatter } from "./format.ts";

/** A SubstitutionFormatString of a reply's body. */
export interface BodyFormatSpec {
  format: LogFormatSpec;
  contentType: string;
}

/** The same, live. */
export interface BodyFormat {
  formatter: Formatter;
  contentType: string;
}

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

export function linkBodyFormat(spec: BodyFormatSpec | null): BodyFormat | null {
  return spec === null ? null : { formatter: linkFormat(spec.format), contentType: spec.contentType };
}
