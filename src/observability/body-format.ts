import { linkFormat } from "./access-log.ts";
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

export function linkBodyFormat(spec: BodyFormatSpec | null): BodyFormat | null {
  return spec === null ? null : { formatter: linkFormat(spec.format), contentType: spec.contentType };
}
