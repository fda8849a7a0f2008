import { RE2JS, RE2JSSyntaxException } from "re2js";

export type StatsFormat = "text" | "json" | "prometheus" | "html";
type StatsType = "All" | "Counters" | "Gauges" | "Histograms" | "TextReadouts";
/** "" is what each format takes by default. */
type HistogramMode = "" | "cumulative" | "disjoint" | "detailed" | "summary";

/** What /stats was asked for. */
export interface StatsQuery {
  format: StatsFormat;
  type: StatsType;
  usedOnly: boolean;
  /** Found anywhere in the name; null passes all. */
  filter: RE2JS | null;
  invertFilter: boolean;
  histogramBuckets: HistogramMode;
  /** Text readouts as gauges in Prometheus format. */
  textReadouts: boolean;
}

/** Reads the query string of /stats; a string is the text of a 400. `format` is that of /stats/prometheus where given. */
export function parseStatsQuery(params: URLSearchParams, format: StatsFormat | null = null): StatsQuery | string {
  const formatParam = params.get("format");
  const asked = format ?? (formatParam === null ? "text" : formats[formatParam]);
  if (asked === undefined) return "usage: /stats?format=(html|active-html|json|prometheus|text)\n\n";
  const buckets = params.get("histogram_buckets") ?? "";
  if (!isMode(buckets)) {
    return "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n";
  }
  if (asked === "prometheus" && (buckets === "disjoint" || buckets === "detailed")) {
    return "unsupported prometheus histogram bucket mode";
  }
  const type = params.get("type") ?? "All";
  if (!isType(type)) return "invalid &type= param";
  let filter: RE2JS | null = null;
  const pattern = params.get("filter") ?? "";
  if (pattern !== "") {
    try {
      filter = RE2JS.compile(pattern);
    } catch (error) {
      if (!(error instanceof RE2JSSyntaxException)) throw error;
      return `Invalid re2 regex: ${error.getDescription().replace("missing closing )", "missing )")}: ${error.getPattern() ?? pattern}`;
    }
  }
  return {
    format: asked,
    type,
    usedOnly: params.has("usedonly"),
    filter,
    invertFilter: params.has("invert_filter"),
    histogramBuckets: buckets,
    textReadouts: params.has("text_readouts"),
  };
}

/** Whether a stat's full name passes the filter. */
export function passes(query: StatsQuery, name: string): boolean {
  return query.filter === null || query.filter.matcher(name).find() !== query.invertFilter;
}

function isMode(text: string): text is HistogramMode {
  return text === "" || text === "cumulative" || text === "disjoint" || text === "detailed" || text === "summary";
}

function isType(text: string): text is StatsType {
  return ["All", "Counters", "Gauges", "Histograms", "TextReadouts"].includes(text);
}

const formats: Record<string, StatsFormat> = {
  html: "html",
  "active-html": "html",
  json: "json",
  prometheus: "prometheus",
  text: "text",
};
