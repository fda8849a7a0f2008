import { differenceLines, differenceOf } from "./change-difference.ts";
import { type JournalEntry, typeOf } from "./journal-entry.ts";
import { type Change, type RefusedProblem, type ResourceRecord, reasonText } from "./records.ts";

/**
 * A refusal for people, as it stands in the log:
 *
 *     Listener version "17" from ads, cluster xds, delta: 1 refused, 2 taken; what was in force stays
 *       main (version "16" serves)
 *         address.socket_address.address: "nowhere" is no IP address
 *         it differs from what serves by
 *           ~ address.socket_address.address: "127.0.0.1" -> "nowhere"
 */
export function refusalBlock(entry: JournalEntry, recordOf: (name: string) => ResourceRecord | undefined): string {
  const { typeUrl, version, source, changes, changeCount, refusedCount, refusal } = entry;
  const which = version === "" ? "" : ` version "${version}"`;
  const taken = changeCount > refusedCount ? `, ${changeCount - refusedCount} taken` : "";
  const number = refusedCount === 0 ? "refused" : `${refusedCount} refused${taken}`;
  const rest = changes.some(({ isPartial }) => isPartial)
    ? "what has no fault in it is taken"
    : "what was in force stays";
  const head = `${typeOf(typeUrl)}${which} from ${source}: ${number}; ${rest}`;
  if (refusedCount === 0) return [head, ...indent(refusal.split("\n"), 1)].join("\n");
  const refused = changes.filter(({ outcome }) => outcome === "REFUSED");
  const shown = refused
    .slice(0, maxResources)
    .flatMap((change) => resourceLines(typeUrl, change, recordOf(change.name)));
  const more = refusedCount > maxResources ? [`and ${refusedCount - maxResources} more resources`] : [];
  return [head, ...indent([...shown, ...more], 1)].join("\n");
}

/** A refused resource: its name, its problems, and how it differs from what serves. */
function resourceLines(typeUrl: string, change: Change, record: ResourceRecord | undefined): string[] {
  const name = change.name === "" ? "a resource without a name" : change.name;
  const difference = differenceOf(typeUrl, change);
  return [
    `${name} (${servesText(record?.message == null ? null : record.version, change.isPartial)})`,
    ...indent(change.problems.flatMap(problemLines), 1),
    ...(difference === null || difference.length === 0
      ? []
      : indent(["it differs from what serves by", ...indent(differenceLines(difference, maxDifferences), 1)], 1)),
  ];
}

/** The problem, then Envoy's sentence for it. */
export function problemLines(problem: RefusedProblem): string[] {
  const path = problem.path === "" ? "" : `${problem.path}: `;
  const suggestion = problem.suggestion === null ? "" : `. Did you mean "${problem.suggestion}"?`;
  const envoy = problem.envoyText === null ? [] : [`  Envoy: ${problem.envoyText.replaceAll("\n", " ").trim()}`];
  return [`${path}${reasonText(problem)}${suggestion}`, ...envoy];
}

/** "" for a version without a name, null where none serves. */
export function servesText(liveVersion: string | null, isPartial: boolean): string {
  if (isPartial) return "the rest of it serves";
  if (liveVersion === null) return "none serves";
  return liveVersion === "" ? "the one before serves" : `version "${liveVersion}" serves`;
}

export function indent(lines: readonly string[], steps: number): string[] {
  return lines.map((line) => `${"  ".repeat(steps)}${line}`);
}

const maxResources = 20;
const maxDifferences = 20;
