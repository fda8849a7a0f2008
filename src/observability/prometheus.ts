import type { HistogramBins } from "./histogram.ts";
import type { HistogramReading, StatsAggregate } from "./stats-aggregate.ts";
import { compare } from "./stats-aggregate.ts";
import type { StatsQuery } from "./stats-query.ts";
import { passes } from "./stats-query.ts";
import type { BucketsOf } from "./stats-render.ts";
import { defaultBuckets, isWanted, numberText, quantiles } from "./stats-render.ts";
import type { TagExtractor } from "./tags.ts";

/** /stats/prometheus, as Envoy writes it: TYPE lines only, braces always, the tags cut out of the name as labels. */
export function renderPrometheus(
  stats: StatsAggregate,
  query: StatsQuery,
  tags: TagExtractor,
  bucketsOf: BucketsOf = () => defaultBuckets,
): string {
  const numbers = stats
    .numbers()
    .filter((reading) => isWanted(query, reading.kind, reading.used) && passes(query, reading.name));
  const out: string[] = [];
  for (const kind of ["counter", "gauge"] as const) {
    const ofKind = numbers.filter((reading) => reading.kind === kind);
    writeFamilies(
      out,
      kind,
      group(ofKind, tags),
      (name, labels, { value, exact }) => `${name}{${labels}} ${numberText(exact ?? value)}\n`,
    );
  }
  if (query.textReadouts && (query.type === "All" || query.type === "TextReadouts")) {
    const readouts = stats
      .textReadouts()
      .filter(([name]) => passes(query, name))
      .map(([name, value]) => ({ name, value }));
    writeFamilies(out, "gauge", group(readouts, tags), (name, labels, { value }) => {
      return `${name}{${join(labels, `text_value="${escapeLabel(value)}"`)}} 0\n`;
    });
  }
  if (query.type === "All" || query.type === "Histograms") {
    const histograms = stats
      .histograms()
      .filter((reading) => !(query.usedOnly && reading.cumulative === null) && passes(query, reading.name));
    const isSummary = query.histogramBuckets === "summary";
    writeFamilies(out, isSummary ? "summary" : "histogram", group(histograms, tags), (name, labels, reading) =>
      isSummary ? summary(name, labels, reading) : histogram(name, labels, reading, bucketsOf(reading.name)),
    );
  }
  return out.join("");
}

/** One metric: its name with the tags cut out, and its series in order of their full names. */
interface Family<T> {
  name: string;
  series: { labels: string; reading: T }[];
}

function group<T extends { name: string }>(readings: readonly T[], tags: TagExtractor): Family<T>[] {
  const families = new Map<string, Family<T>>();
  for (const reading of readings) {
    const { name, tags: found } = tags.extract(reading.name);
    let family = families.get(name);
    if (family === undefined) families.set(name, (family = { name, series: [] }));
    family.series.push({
      labels: found.map(([tag, value]) => `${clean(tag)}="${escapeLabel(value)}"`).join(","),
      reading,
    });
  }
  return [...families.values()].sort((a, b) => compare(a.name, b.name));
}

function writeFamilies<T>(
  out: string[],
  type: string,
  families: Family<T>[],
  write: (name: string, labels: string, reading: T) => string,
): void {
  for (const family of families) {
    const name = `envoy_${clean(family.name)}`;
    out.push(`# TYPE ${name} ${type}\n`);
    for (const { labels, reading } of family.series) out.push(write(name, labels, reading));
  }
}

function histogram(name: string, labels: string, reading: HistogramReading, limits: readonly number[]): string {
  const bins = reading.cumulative;
  const counts = bins?.countsBelow(limits);
  let text = "";
  for (let i = 0; i < limits.length; i++) {
    text += `${name}_bucket{${join(labels, `le="${precise(limits[i] as number)}"`)}} ${counts?.[i] ?? 0}\n`;
  }
  text += `${name}_bucket{${join(labels, 'le="+Inf"')}} ${bins?.total ?? 0}\n`;
  return text + sumAndCount(name, labels, bins);
}

function summary(name: string, labels: string, reading: HistogramReading): string {
  const values = reading.interval?.quantiles(quantiles);
  let text = "";
  quantiles.forEach((quantile, i) => {
    text += `${name}{${join(labels, `quantile="${quantile}"`)}} ${precise(values?.[i] ?? Number.NaN)}\n`;
  });
  return text + sumAndCount(name, labels, reading.interval);
}

function sumAndCount(name: string, labels: string, bins: HistogramBins | null): string {
  return `${name}_sum{${labels}} ${precise(bins?.sum ?? 0)}\n${name}_count{${labels}} ${bins?.total ?? 0}\n`;
}

function join(labels: string, last: string): string {
  return labels === "" ? last : `${labels},${last}`;
}

function clean(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, "_");
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`));
}

/** Envoy's {:.32g}: every digit a double has, up to 32. */
function precise(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (Number.isInteger(value)) return String(value);
  return value.toPrecision(32).replace(/0+$/, "");
}
