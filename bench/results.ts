import type { ProxyName } from "./proxies.ts";
import { median, spread } from "./stats.ts";

/** What is measured of a proxy. Each is better the lower it is, but for requestsPerSecond. */
export type Metric = "cpuMicros" | "requestsPerSecond" | "p50Micros" | "p99Micros" | "p999Micros" | "idleBytes";

/** A metric over the rounds. */
export interface Summary {
  median: number;
  /** (greatest - least) / median. */
  spread: number;
}

/** One proxy in one case. Metrics a case does not measure are absent. */
export interface ProxyResult {
  proxy: ProxyName;
  metrics: Partial<Record<Metric, Summary>>;
  /** Of all rounds together. */
  errors: number;
  /** Resident memory when the proxy first answered, and after the last round. */
  startBytes: number;
  endBytes: number;
}

/** One case, all proxies. */
export interface CaseResult {
  name: string;
  title: string;
  /** The metric the case is about, which ratios and plot show. */
  headline: Metric;
  /** The rate of a fixed-rate case, else null. */
  ratePerSecond: number | null;
  proxies: ProxyResult[];
  /** Proxies that could not be measured, and why. */
  failures: { proxy: ProxyName; reason: string }[];
}

/** All of a run: what --json writes. */
export interface RunResult {
  date: string;
  command: string;
  machine: string;
  load: string;
  backend: string;
  versions: Partial<Record<ProxyName, string>>;
  cases: CaseResult[];
}

/** Medians and spreads of rounds that all measured the same metrics. */
export function summarize(rounds: readonly Partial<Record<Metric, number>>[]): Partial<Record<Metric, Summary>> {
  const names = Object.keys(rounds[0] ?? {}) as Metric[];
  return Object.fromEntries(
    names.map((name) => {
      const values = rounds.map((round) => round[name] ?? Number.NaN);
      return [name, { median: median(values), spread: spread(values) }];
    }),
  );
}

/** How many times less the proxy pays than `reference` for the case's headline; null when either was not measured. Above 1 is better than the reference. */
export function timesLess({ headline, proxies }: CaseResult, proxy: ProxyName, reference: ProxyName): number | null {
  const of = (name: ProxyName) => proxies.find((result) => result.proxy === name)?.metrics[headline]?.median;
  const [ours, theirs] = [of(proxy), of(reference)];
  return ours === undefined || theirs === undefined ? null : theirs / ours;
}
