import type { ProxyName } from "./proxies.ts";
import type { CaseResult, Metric, RunResult } from "./results.ts";

/** A plot of a run: for each case a bar for each proxy, as long as its headline metric; within a case the longest fills the width. */
export function svgOf({ cases, date, machine }: RunResult): string {
  const parts: string[] = [];
  let y = margin + lineHeight;
  const text = (x: number, content: string, style = "") =>
    parts.push(`<text x="${x}" y="${y + 12}"${style}>${escapeXml(content)}</text>`);

  for (const result of cases) {
    text(margin, `${result.title}: ${units[result.headline].name}`, ' font-weight="bold"');
    y += lineHeight;
    const greatest = Math.max(...result.proxies.map(({ proxy }) => headlineOf(result, proxy)));
    for (const { proxy } of result.proxies) {
      const value = headlineOf(result, proxy);
      const length = greatest > 0 ? Math.max(1, (value / greatest) * barWidth) : 1;
      text(margin, proxy);
      parts.push(
        `<rect x="${barStart}" y="${y + 2}" width="${length.toFixed(1)}" height="12" fill="${colours[proxy]}"/>`,
      );
      text(barStart + length + 6, units[result.headline].format(value));
      y += lineHeight;
    }
    y += lineHeight / 2;
  }
  text(margin, `${date}, ${machine}. Shorter is better.`, ' fill="#666"');
  const height = y + lineHeight + margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function headlineOf({ proxies, headline }: CaseResult, proxy: ProxyName): number {
  return proxies.find((result) => result.proxy === proxy)?.metrics[headline]?.median ?? 0;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

const units: Record<Metric, { name: string; format: (value: number) => string }> = {
  cpuMicros: { name: "CPU µs per request", format: (value) => value.toFixed(1) },
  requestsPerSecond: { name: "requests per second", format: (value) => value.toFixed(0) },
  p50Micros: { name: "median latency, ms", format: (value) => (value / 1000).toFixed(2) },
  p99Micros: { name: "99th percentile of latency, ms", format: (value) => (value / 1000).toFixed(2) },
  p999Micros: { name: "99.9th percentile of latency, ms", format: (value) => (value / 1000).toFixed(2) },
  idleBytes: { name: "KiB per idle connection", format: (value) => (value / 1024).toFixed(1) },
};
const colours: Record<ProxyName, string> = {
  nuncio: "#2a6",
  envoy: "#a3c",
  haproxy: "#48c",
  nginx: "#999",
  splice: "#ccc",
};
const width = 760;
const margin = 16;
const lineHeight = 18;
const barStart = 90;
const barWidth = 560;
