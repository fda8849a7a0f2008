import type { AccessLogFilter, FilterContext } from "./access-log-filter.ts";
import { linkFilter } from "./access-log-filter.ts";
import type { AccessLogSinks } from "./access-log-sink.ts";
import type { AccessLogSpec, LogFormatSpec } from "./access-log-spec.ts";
import type { Formatter } from "./format.ts";
import { compileFormat } from "./format.ts";
import { compileJsonFormat } from "./format-json.ts";
import type { StreamInfo } from "./stream-info.ts";

/** Where lines go. */
export interface LineSink {
  write(line: string): void;
}

/** A linked access log. */
export class AccessLog {
  readonly #filter: AccessLogFilter | null;
  readonly #formatter: Formatter;
  readonly #sink: LineSink;

  constructor(filter: AccessLogFilter | null, formatter: Formatter, sink: LineSink) {
    this.#filter = filter;
    this.#formatter = formatter;
    this.#sink = sink;
  }

  log(info: StreamInfo): void {
    if (this.#filter !== null && !this.#filter(info)) return;
    this.#sink.write(this.#formatter.format(info));
  }
}

/** Makes access logs live in a worker. */
export function linkAccessLogs(
  specs: readonly AccessLogSpec[],
  sinks: AccessLogSinks,
  context: FilterContext,
): AccessLog[] {
  return specs.map(
    (spec) =>
      new AccessLog(
        spec.filter === null ? null : linkFilter(spec.filter, context),
        linkFormat(spec.format),
        sinks.open(spec.path),
      ),
  );
}

/** Compiles a format that parsing has found sound. */
export function linkFormat(spec: LogFormatSpec): Formatter {
  const formatter = compileLogFormat(spec);
  if (typeof formatter === "string")
    throw new Error(`an access log format passed parsing and is refused: ${formatter}`);
  return formatter;
}

/** A string is Envoy's error. */
export function compileLogFormat(spec: LogFormatSpec): Formatter | string {
  const options = { missing: spec.omitEmptyValues ? ("" as const) : ("-" as const), enabled: new Set(spec.enabled) };
  return spec.json !== null ? compileJsonFormat(spec.json, options) : compileFormat(spec.text ?? "", options);
}
