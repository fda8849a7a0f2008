import type { JournalEntry } from "../../config/dynamic/journal-entry.ts";
import type { Change } from "../../config/dynamic/records.ts";
import { indent, problemLines } from "../../config/dynamic/refusal-block.ts";
import { findResourceType } from "../../config/dynamic/resource-types.ts";
import { chosenType, formatField, resourceField, typeField } from "./config-params.ts";
import { problemJson } from "./config-status.ts";
import { type Endpoint, json, text } from "./endpoint.ts";

/** Nuncio's own: the last updates of config from outside, newest first. */
export const configHistory: Endpoint = {
  path: "/config_history",
  help: "the last updates of config from outside, and what became of them",
  mutates: false,
  params: [typeField, resourceField, formatField],
  handle({ query }, state) {
    const type = chosenType(query);
    if (type.fault !== "") return text(type.fault, 400);
    const entries = withResource(state.configHistory(type.short), query.get("resource") ?? "");
    if (query.get("format") === "json") return json({ updates: entries.map(entryJson) });
    return text(entries.length === 0 ? "no update yet\n" : `${entries.flatMap(entryLines).join("\n")}\n`);
  },
};

/** Those that changed a resource, with that change alone; "" for all. */
function withResource(entries: readonly JournalEntry[], name: string): JournalEntry[] {
  if (name === "") return [...entries];
  return entries
    .map((entry) => ({ ...entry, changes: entry.changes.filter((change) => change.name === name) }))
    .filter(({ changes }) => changes.length > 0);
}

function entryLines(entry: JournalEntry): string[] {
  const { number, at, times, typeUrl, source, version, changes, changeCount, refusal } = entry;
  const type = findResourceType(typeUrl);
  const which = version === "" ? "" : ` version "${version}"`;
  const result = refusal === "" ? "taken" : "REFUSED";
  const again = times > 1 ? `, ${times} times in a row` : "";
  const more = changeCount - changes.length;
  return [
    `#${number} ${at.toISOString()} ${type?.short ?? typeUrl}${which} from ${source}: ${result}${again}`,
    ...indent(changes.flatMap(changeLines), 1),
    ...(changes.length === 0 ? indent(refusal.split("\n"), 1) : []),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function changeLines({ name, outcome, version, problems }: Change): string[] {
  const which = version === "" ? "" : `, version "${version}"`;
  return [`${outcome.toLowerCase()} ${name}${which}`, ...indent(problems.flatMap(problemLines), 1)];
}

function entryJson(entry: JournalEntry): object {
  const { number, at, times, typeUrl, source, version, changes, changeCount, refusal } = entry;
  return {
    update: number,
    at,
    type: findResourceType(typeUrl)?.short ?? typeUrl,
    source,
    version,
    refused: refusal !== "",
    times,
    refusal,
    changes: changes.map(({ name, outcome, version: own, problems }) => ({
      resource: name,
      outcome: outcome.toLowerCase(),
      version: own,
      problems: problems.map(problemJson),
    })),
    change_count: changeCount,
  };
}
