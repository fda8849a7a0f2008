import { type CaseResult, type Metric, type ProxyResult, timesLess } from "./results.ts";

/** A case as lines of text: a row for each proxy, then what failed. */
export function formatCase(result: CaseResult): string {
  const hasRate = result.ratePerSecond === null ? "" : ` (${result.ratePerSecond} requests/s)`;
  const shown = columns.filter(
    ({ metric }) => metric === null || result.proxies.some(({ metrics }) => metrics[metric] !== undefined),
  );
  const rows = [["", ...shown.map(({ title }) => title), `${headlineNames[result.headline]} against envoy`]];
  for (const proxy of result.proxies) {
    rows.push([
      proxy.proxy,
      ...shown.map(({ cell }) => cell(proxy)),
      formatRatio(timesLess(result, proxy.proxy, "envoy")),
    ]);
  }
  const failures = result.failures.map(
    ({ proxy, reason }) => `  ${proxy} FAILED: ${reason.replaceAll("\n", "\n    ")}`,
  );
  return [
    `${result.name}: ${result.title}${hasRate}`,
    ...alignColumns(rows).map((row) => `  ${row}`),
    ...failures,
    "",
  ].join("\n");
}

/** "2.50x less" for 2.5, "1.10x more" for 1 / 1.1. */
export function formatRatio(timesLessThanReference: number | null): string {
  if (timesLessThanReference === null || !(timesLessThanReference > 0)) return "-";
  if (timesLessThanReference === 1) return "1";
  return timesLessThanReference > 1
    ? `${timesLessThanReference.toFixed(2)}x less`
    : `${(1 / timesLessThanReference).toFixed(2)}x more`;
}

/** Rows of equal length as lines: the first column to the left, the others to the right. */
export function alignColumns(rows: readonly string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("  "),
  );
}

/** What the ratios are of. */
const headlineNames: Record<Metric, string> = {
  cpuMicros: "CPU",
  requestsPerSecond: "requests/s",
  p50Micros: "p50",
  p99Micros: "p99",
  p999Micros: "p99.9",
  idleBytes: "memory",
};

interface Column {
  title: string;
  /** The column is left out of a case that does not measure it; null is always shown. */
  metric: Metric | null;
  cell: (result: ProxyResult) => string;
}

const columns: Column[] = [
  metricColumn("CPU µs/request", "cpuMicros", (value) => value.toFixed(1)),
  spreadColumn("cpuMicros"),
  metricColumn("requests/s", "requestsPerSecond", (value) => value.toFixed(0)),
  metricColumn("p50 ms", "p50Micros", millis),
  metricColumn("p99 ms", "p99Micros", millis),
  metricColumn("p99.9 ms", "p999Micros", millis),
  metricColumn("KiB/connection", "idleBytes", (value) => (value / 1024).toFixed(1)),
  spreadColumn("idleBytes"),
  { title: "RSS start MB", metric: null, cell: ({ startBytes }) => (startBytes / 1e6).toFixed(0) },
  { title: "RSS end MB", metric: null, cell: ({ endBytes }) => (endBytes / 1e6).toFixed(0) },
  { title: "errors", metric: null, cell: ({ errors }) => String(errors) },
];

function metricColumn(title: string, metric: Metric, format: (value: number) => string): Column {
  return { title, metric, cell: ({ metrics }) => formatOr(metrics[metric]?.median, format) };
}

function spreadColumn(metric: Metric): Column {
  return {
    title: "spread",
    metric,
    cell: ({ metrics }) => formatOr(metrics[metric]?.spread, (value) => `${(value * 100).toFixed(0)} %`),
  };
}

function formatOr(value: number | undefined, format: (value: number) => string): string {
  return value === undefined || Number.isNaN(value) ? "-" : format(value);
}

function millis(micros: number): string {
  return (micros / 1000).toFixed(2);
}
