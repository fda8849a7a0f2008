import type { HistogramBins } from "./histogram.ts";
import type { HistogramReading, StatsAggregate } from "./stats-aggregate.ts";
import type { StatsQuery } from "./stats-query.ts";
import { passes } from "./stats-query.ts";

/** Upper bounds of the buckets of a histogram, by its full name. */
export type BucketsOf = (name: string) => readonly number[];

/** /stats as text: text readouts, counters and gauges, histograms, each sorted by name. */
export function renderText(
  stats: StatsAggregate,
  query: StatsQuery,
  bucketsOf: BucketsOf = () => defaultBuckets,
): string {
  const lines: string[] = [];
  if (query.type === "All" || query.type === "TextReadouts") {
    for (const [name, value] of stats.textReadouts()) if (passes(query, name)) lines.push(`${name}: "${value}"\n`);
  }
  if (query.type === "All" || query.type === "Counters" || query.type === "Gauges") {
    for (const { name, kind, value, exact, used } of stats.numbers()) {
      if (isWanted(query, kind, used) && passes(query, name)) lines.push(`${name}: ${numberText(exact ?? value)}\n`);
    }
  }
  if (query.type === "All" || query.type === "Histograms") {
    for (const histogram of stats.histograms()) {
      if (query.usedOnly && histogram.cumulative === null) continue;
      if (passes(query, histogram.name)) lines.push(histogramText(histogram, query.histogramBuckets, bucketsOf));
    }
  }
  return lines.join("");
}

/** /stats?format=json. */
export function renderJson(
  stats: StatsAggregate,
  query: StatsQuery,
  bucketsOf: BucketsOf = () => defaultBuckets,
): string {
  const items: string[] = [];
  if (query.type === "All" || query.type === "TextReadouts") {
    for (const [name, value] of stats.textReadouts()) {
      if (passes(query, name)) items.push(`{"name":${JSON.stringify(name)},"value":${JSON.stringify(value)}}`);
    }
  }
  if (query.type === "All" || query.type === "Counters" || query.type === "Gauges") {
    for (const { name, kind, value, exact, used } of stats.numbers()) {
      if (isWanted(query, kind, used) && passes(query, name)) {
        items.push(`{"name":${JSON.stringify(name)},"value":${numberText(exact ?? value)}}`);
      }
    }
  }
  if (query.type === "All" || query.type === "Histograms") {
    const histograms = stats
      .histograms()
      .filter(({ name, cumulative }) => !(query.usedOnly && cumulative === null) && passes(query, name));
    if (histograms.length > 0) items.push(`{"histograms":${histogramsJson(histograms, query, bucketsOf)}}`);
  }
  return `{"stats":[${items.join(",")}]}`;
}

/** Digits of an unsigned 64-bit number, as far as a double knows them. */
export function numberText(value: number | bigint): string {
  if (typeof value === "bigint" || value <= Number.MAX_SAFE_INTEGER) return String(value);
  return value >= 2 ** 64 ? "18446744073709551615" : BigInt(value).toString();
}

/** Whether a counter or gauge is of the kind asked for. */
export function isWanted(query: StatsQuery, kind: "counter" | "gauge", used: boolean): boolean {
  if (query.usedOnly && !used) return false;
  return query.type === "All" || query.type === (kind === "counter" ? "Counters" : "Gauges");
}

function histogramText(reading: HistogramReading, mode: StatsQuery["histogramBuckets"], bucketsOf: BucketsOf): string {
  const { name, interval, cumulative } = reading;
  if (interval === null || cumulative === null) return `${name}: No recorded values\n`;
  switch (mode) {
    case "":
    case "summary":
      return `${name}: ${summaryText(interval, cumulative)}\n`;
    case "cumulative":
    case "disjoint": {
      const limits = bucketsOf(name);
      const ofInterval = bucketCounts(interval, limits, mode);
      const ofAll = bucketCounts(cumulative, limits, mode);
      return `${name}: ${limits.map((limit, i) => `B${sixDigits(limit)}(${ofInterval[i]},${ofAll[i]})`).join(" ")}\n`;
    }
    case "detailed": {
      const totals = detailText(cumulative);
      const intervals = detailText(interval);
      return `${name}:\n  totals=${totals}\n  intervals=${intervals}\n  summary=${summaryText(interval, cumulative)}\n`;
    }
  }
}

function histogramsJson(list: HistogramReading[], query: StatsQuery, bucketsOf: BucketsOf): string {
  const percents = `[${quantiles.map((q) => percent(q)).join(",")}]`;
  switch (query.histogramBuckets) {
    case "":
    case "summary": {
      const items = list.map((h) => `{"name":${JSON.stringify(h.name)},"values":${quantilesJson(h)}}`);
      return `{"supported_quantiles":${percents},"computed_quantiles":[${items.join(",")}]}`;
    }
    case "cumulative":
    case "disjoint": {
      const mode = query.histogramBuckets;
      const items = list.map((h) => {
        const limits = bucketsOf(h.name);
        const ofInterval = bucketCounts(h.interval, limits, mode);
        const ofAll = bucketCounts(h.cumulative, limits, mode);
        const buckets = limits.map(
          (limit, i) => `{"upper_bound":${jsonNumber(limit)},"interval":${ofInterval[i]},"cumulative":${ofAll[i]}}`,
        );
        return `{"name":${JSON.stringify(h.name)},"buckets":[${buckets.join(",")}]}`;
      });
      return `[${items.join(",")}]`;
    }
    case "detailed": {
      const items = list.map(
        (h) =>
          `{"name":${JSON.stringify(h.name)},"totals":${detailJson(h.cumulative)},"intervals":${detailJson(h.interval)},"percentiles":${quantilesJson(h)}}`,
      );
      return `{"supported_percentiles":${percents},"details":[${items.join(",")}]}`;
    }
  }
}

function summaryText(interval: HistogramBins, cumulative: HistogramBins): string {
  const ofInterval = interval.quantiles(quantiles);
  const ofAll = cumulative.quantiles(quantiles);
  return quantiles.map((q, i) => `P${percent(q)}(${number(ofInterval[i])},${number(ofAll[i])})`).join(" ");
}

function quantilesJson(reading: HistogramReading): string {
  const ofInterval = reading.interval?.quantiles(quantiles);
  const ofAll = reading.cumulative?.quantiles(quantiles);
  const pairs = quantiles.map(
    (_, i) => `{"cumulative":${jsonNumber(ofAll?.[i])},"interval":${jsonNumber(ofInterval?.[i])}}`,
  );
  return `[${pairs.join(",")}]`;
}

function bucketCounts(
  bins: HistogramBins | null,
  limits: readonly number[],
  mode: "cumulative" | "disjoint",
): number[] {
  const counts = bins === null ? limits.map(() => 0) : bins.countsBelow(limits);
  if (mode === "cumulative") return counts;
  return counts.map((count, i) => count - (i === 0 ? 0 : (counts[i - 1] as number)));
}

function detailText(bins: HistogramBins): string {
  return bins
    .detail()
    .map(({ lower, width, count }) => `${lower},${width}:${count}`)
    .join(", ");
}

function detailJson(bins: HistogramBins | null): string {
  const items = (bins === null ? [] : bins.detail()).map(
    ({ lower, width, count }) => `{"lower_bound":${jsonNumber(lower)},"width":${jsonNumber(width)},"count":${count}}`,
  );
  return `[${items.join(",")}]`;
}

function percent(quantile: number): string {
  return String(Math.round(quantile * 1e6) / 1e4);
}

function number(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? "nan" : String(value);
}

/** As C++'s to_chars writes it: the shorter of both forms, 300000 as 3e+05. */
function jsonNumber(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "null";
  const fixed = String(value);
  const [mantissa, exponent] = value.toExponential().split("e") as [string, string];
  const scientific = `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  return scientific.length < fixed.length ? scientific : fixed;
}

/** C's %g. */
function sixDigits(value: number): string {
  if (value < 1e6) return String(Number(value.toPrecision(6)));
  const [mantissa, exponent] = value.toExponential(5).split("e") as [string, string];
  return `${Number(mantissa)}e+${exponent.slice(1).padStart(2, "0")}`;
}

/** Envoy's quantiles and default histogram buckets (HistogramSettingsImpl). */
export const quantiles = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1];
export const defaultBuckets = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];
