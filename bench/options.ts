import { parseArgs } from "node:util";
import { cases } from "./cases.ts";
import { type ProxyName, proxyNames } from "./proxies.ts";

/** What to measure, how long, and where the result goes. */
export interface Options {
  caseNames: string[];
  proxyNames: ProxyName[];
  /** Length of one measurement. */
  seconds: number;
  /** Measurements of each proxy in each case. */
  rounds: number;
  connections: number;
  /** Files to write, or null. */
  jsonFile: string | null;
  svgFile: string | null;
}

/** The options of the command line; null when it asks for help. Throws with a sentence for the user. */
export function parseOptions(args: string[]): Options | null {
  const { values } = parseArgs({
    args,
    options: {
      cases: { type: "string" },
      proxies: { type: "string" },
      seconds: { type: "string", default: "5" },
      rounds: { type: "string", default: "3" },
      connections: { type: "string", default: "64" },
      json: { type: "string" },
      svg: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  return {
    caseNames: chooseCases(values.cases),
    proxyNames: choose("proxy", values.proxies, proxyNames),
    seconds: positiveInteger("--seconds", values.seconds),
    rounds: positiveInteger("--rounds", values.rounds),
    connections: positiveInteger("--connections", values.connections),
    jsonFile: values.json ?? null,
    svgFile: values.svg ?? null,
  };
}

/** The text of --help. */
export function helpText(): string {
  return [
    "npm run bench -- [--cases a,b] [--proxies a,b] [--seconds 5] [--rounds 3] [--connections 64] [--json FILE] [--svg FILE]",
    "",
    ...cases.filter(({ series }) => series === "").map(({ name, title }) => `  ${name.padEnd(18)} ${title}`),
    `  ${"routes".padEnd(18)} the last of 1 to 100,000 prefix, path, path-separated prefix and regex routes; only where it is asked for`,
    "",
    "npm run bench -- swap [--proxies nuncio,envoy] [--changes 40] [--routes 10000] [--clusters 5000]",
    "",
    "  config changed under load by go-control-plane; Nuncio and Envoy alone",
    "",
    `Proxies: ${proxyNames.join(", ")}. One that is not installed is named and left out; scripts/peers installs them.`,
  ].join("\n");
}

/** A series by its name is all of its cases. */
function chooseCases(list: string | undefined): string[] {
  const series = cases.filter((one) => one.series === "routes").map(({ name }) => name);
  const usual = cases.filter((one) => one.series === "").map(({ name }) => name);
  if (list === undefined) return usual;
  return choose("case", list, [...usual, "routes", ...series]).flatMap((name) => (name === "routes" ? series : [name]));
}

/** The names of a comma-separated list, all of them where it is not given. Throws for one that there is not. */
export function choose<Name extends string>(kind: string, list: string | undefined, all: readonly Name[]): Name[] {
  if (list === undefined) return [...all];
  return list.split(",").map((wanted) => {
    const name = all.find((one) => one === wanted);
    if (name === undefined) throw new Error(`no ${kind} is named "${wanted}". There are ${all.join(", ")}.`);
    return name;
  });
}

/** Throws with a sentence for the user. */
export function positiveInteger(flag: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`${flag} ${text}: not a positive whole number`);
  return Number(text);
}
