import { parseStatsQuery, type StatsFormat } from "../../observability/stats-query.ts";
import { type AdminReply, type AdminRequest, checkbox, type Endpoint, select, text, textField } from "./endpoint.ts";
import type { AdminState } from "./state.ts";

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
  handle: (request, state) => render(request, state, null),
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
  handle: withProcessMetrics,
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

function render({ query }: AdminRequest, state: AdminState, format: StatsFormat | null): AdminReply {
  const asked = parseStatsQuery(new URLSearchParams([...query]), format);
  if (typeof asked === "string") return text(asked, 400);
  const body = () => state.stats.render(asked);
  switch (asked.format) {
    case "json":
      return { status: 200, contentType: "application/json", body };
    case "html": {
      const isActive = query.get("format") === "active-html";
      return { status: 200, contentType: "text/html; charset=UTF-8", body: () => page(body(), isActive) };
    }
    case "prometheus":
    case "text":
      return text(body);
  }
}

/** Unless the answer is filtered: the process's own metrics stand behind the stats. */
function withProcessMetrics(request: AdminRequest, state: AdminState): AdminReply {
  const reply = render(request, state, "prometheus");
  const { body } = reply;
  if (request.query.size > 0 || typeof body !== "function") return reply;
  const both = async () => (await body()) + (await (await import("./process-metrics.ts")).processMetrics());
  return { ...reply, body: both };
}

/** The text as a page; the active one reads itself again every second. */
function page(body: string, isActive: boolean): string {
  const escaped = body.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const refresh = isActive ? "<meta http-equiv='refresh' content='1'>" : "";
  return `<!DOCTYPE html>\n<html lang='en'>\n<head><title>Envoy Stats (Nuncio)</title>${refresh}</head>\n<body><pre>\n${escaped}</pre></body>\n</html>\n`;
}
