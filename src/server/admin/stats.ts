import {
  type AdminReply,
  type AdminRequest,
  checkbox,
  type Endpoint,
  select,
  text,
  textField,
  textType,
} from "./endpoint.ts";
import { compileFilter } from "./filter-regex.ts";
import type { AdminState, StatsQuery } from "./state.ts";

const usedOnly = checkbox("usedonly", "Only include stats that have been written by system since restart");
const filter = textField("filter", "Regular expression (Google re2) for filtering stats");
const invertFilter = checkbox("invert_filter", "Invert the filter regex");
const types = ["All", "Counters", "Histograms", "Gauges", "TextReadouts"] as const;
const bucketModes = ["cumulative", "disjoint", "detailed", "summary"] as const;

export const stats: Endpoint = {
  path: "/stats",
  help: "print server stats",
  mutates: false,
  params: [
    usedOnly,
    filter,
    invertFilter,
    select("format", "Format to use", ["html", "active-html", "text", "json"]),
    select("type", "Stat types to include.", types),
    select("histogram_buckets", "Histogram bucket display mode", bucketModes),
  ],
  handle(request, state) {
    const format = request.query.get("format") ?? "text";
    if (!formats.includes(format)) return text(`usage: /stats?format=(html|active-html|json|prometheus|text)\n\n`, 400);
    return render(format, request, state);
  },
};

export const statsPrometheus: Endpoint = {
  path: "/stats/prometheus",
  help: "print server stats in prometheus format",
  mutates: false,
  params: [
    usedOnly,
    checkbox("text_readouts", "Render text_readouts as new gaugues with value 0 (increases Prometheus data size)"),
    filter,
    invertFilter,
    select("histogram_buckets", "Histogram bucket display mode", ["cumulative", "summary"]),
  ],
  handle: (request, state) => render("prometheus", request, state),
};

export const resetCounters: Endpoint = {
  path: "/reset_counters",
  help: "reset all counters to zero",
  mutates: true,
  params: [],
  handle(_request, state) {
    state.stats.resetCounters();
    return text("OK\n");
  },
};

function render(format: string, request: AdminRequest, state: AdminState): AdminReply {
  const query = parseStatsQuery(request);
  if (typeof query === "string") return text(query, 400);
  if (format === "json") return { status: 200, contentType: "application/json", body: state.stats.json(query) };
  if (format === "prometheus") return text(state.stats.prometheus(query));
  if (format === "text") return { status: 200, contentType: textType, body: state.stats.text(query) };
  return { status: 200, contentType: "text/html; charset=UTF-8", body: page(state.stats.text(query), format) };
}

/** The parameters, or the sentence that refuses them. */
function parseStatsQuery({ query }: AdminRequest): StatsQuery | string {
  const type = types.find((known) => known === (query.get("type") ?? "All"));
  if (type === undefined) return "invalid &type= param";
  const mode = query.get("histogram_buckets") ?? "";
  const buckets = bucketModes.find((known) => known === mode);
  if (buckets === undefined && mode !== "" && mode !== "none") {
    return "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n";
  }
  let accepts: StatsQuery["accepts"] = null;
  const pattern = query.get("filter") ?? "";
  if (pattern !== "") {
    const compiled = compileFilter(pattern);
    if (compiled.error !== null) return `Invalid re2 regex: ${compiled.error}`;
    const { matches } = compiled;
    accepts = query.has("invert_filter") ? (name) => !matches(name) : matches;
  }
  return {
    accepts,
    usedOnly: query.has("usedonly"),
    type,
    histogramBuckets: buckets ?? "none",
    textReadouts: query.has("text_readouts"),
  };
}

/** The text as a page; the active one reads itself again every second. */
function page(body: string, format: string): string {
  const escaped = body.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const refresh = format === "active-html" ? "<meta http-equiv='refresh' content='1'>" : "";
  return `<!DOCTYPE html>\n<html lang='en'>\n<head><title>Envoy Stats (Nuncio)</title>${refresh}</head>\n<body><pre>\n${escaped}</pre></body>\n</html>\n`;
}

const formats: readonly string[] = ["html", "active-html", "json", "prometheus", "text"];
