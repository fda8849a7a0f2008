import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Difference, differences, isFieldOrderDifferent } from "./compare.ts";
import type { Case, Setup } from "./setup.ts";
import { type Observation, observe } from "./side.ts";

/** What became of one case. */
export interface Verdict {
  case: Case;
  differences: Difference[];
  /** Only the order of fields is not the same; no failure. */
  isOrderOnly: boolean;
  envoy: Observation;
}

/** The command that runs the proxy under test: NUNCIO_CANDIDATE, else this checkout's bin/nuncio. */
export const candidateCommand = process.env.NUNCIO_CANDIDATE ?? join(import.meta.dirname, "../../bin/nuncio");

/** Runs the cases of one setup on both commands at once. Fails as a whole when a proxy does not start. */
export async function runSetup(
  envoy: string,
  candidate: string,
  name: string,
  setup: Setup,
  cases: readonly Case[],
): Promise<Verdict[]> {
  const folder = await mkdtemp(join(tmpdir(), "nuncio-differential-"));
  try {
    const [left, right] = await Promise.all([
      observe(envoy, `${name}-envoy`, setup, cases, folder),
      observe(candidate, `${name}-candidate`, setup, cases, folder),
    ]);
    return cases.map((item, index) => ({
      case: item,
      differences: differences(left[index], right[index]),
      envoy: left[index],
      isOrderOnly: isFieldOrderDifferent(left[index], right[index]),
    }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The cases of each setup, in the order of first mention. */
export function bySetup(cases: readonly Case[]): Map<string, Case[]> {
  const groups = new Map<string, Case[]>();
  for (const item of cases) groups.set(item.setup, [...(groups.get(item.setup) ?? []), item]);
  return groups;
}

/** Lines for a person: where the two differ, Envoy first. */
export function describeDifferences(verdict: Verdict): string {
  const lines = verdict.differences.map(
    (d) => `  ${d.where}\n    envoy     ${cut(d.envoy)}\n    candidate ${cut(d.candidate)}`,
  );
  return lines.join("\n");
}

/** What a proxy did with a script, for a person. */
export function describeObservation(observation: Observation): string {
  const { messages, rest, ending, seen, log } = observation;
  const told = log.map((line) => Object.entries(line).filter(([, value]) => value !== null && value !== ""));
  return [
    ...messages.map(
      (m) => `  < ${cut(JSON.stringify([m.line, ...m.headers.map((h) => h.join(": ")), m.body, ...m.trailers]))}`,
    ),
    ...(rest === "" ? [] : [`  < ${cut(JSON.stringify(rest))}`]),
    `  ${ending}`,
    ...seen.map(
      (s) =>
        `  > ${cut(JSON.stringify([s.line, ...s.headers.map((h) => h.join(": ")), s.body, ...s.trailers]))}${s.complete ? "" : " incomplete"}`,
    ),
    ...observation.stats.map((line) => `  = ${line}`),
    ...told.map((line) => `  # ${JSON.stringify(Object.fromEntries(line))}`),
  ].join("\n");
}

/** True when the verdict is what the case asks for: the same, or different with a reason. */
export function isAsExpected(verdict: Verdict): boolean {
  return verdict.case.allowedDifference === undefined
    ? verdict.differences.length === 0
    : verdict.differences.length > 0;
}

function cut(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}... (${text.length})` : text;
}
