import { differenceLines, differenceOf } from "../../config/dynamic/change-difference.ts";
import { indent } from "../../config/dynamic/refusal-block.ts";
import { findResourceType } from "../../config/dynamic/resource-types.ts";
import type { Difference } from "../../config/json-difference.ts";
import { chosenType, formatField, resourceField, typeField, updateField } from "./config-params.ts";
import { differenceJson } from "./config-status.ts";
import { type Endpoint, json, text } from "./endpoint.ts";
import type { AdminState } from "./state.ts";

/** Nuncio's own: how what is refused differs from what serves, or what an update changed. */
export const configDiff: Endpoint = {
  path: "/config_diff",
  help: "how refused resources differ from what serves; with update, what that one changed",
  mutates: false,
  params: [typeField, resourceField, updateField, formatField],
  handle({ query }, state) {
    const type = chosenType(query);
    if (type.fault !== "") return text(type.fault, 400);
    const resource = query.get("resource") ?? "";
    const update = query.get("update") ?? "";
    if (update !== "" && !/^#?\d+$/.test(update)) return text(`update "${update}" is no number\n`, 400);
    const all = update === "" ? refusedNow(state, type.short) : ofUpdate(state, Number(update.replace("#", "")));
    if (all === null) return text(`update ${update} is not kept; /config_history lists those that are\n`, 404);
    const found = all.filter((one) => resource === "" || one.resource === resource);
    if (query.get("format") === "json") return json({ differences: found.map(comparisonJson) });
    if (found.length > 0) return text(`${found.flatMap(comparisonLines).join("\n")}\n`);
    return text(update === "" ? "nothing is refused\n" : "nothing changed\n");
  },
};

/** Two versions of a resource. */
interface Comparison {
  /** Short name of its type. */
  type: string;
  resource: string;
  outcome: string;
  version: string;
  /** null where one of the versions is not there or not kept. */
  difference: Difference[] | null;
}

function refusedNow(state: AdminState, type: string): Comparison[] {
  return state
    .configStatus()
    .types.filter((status) => type === "" || status.type.short === type)
    .flatMap((status) =>
      status.refused.map(({ name, version, difference }) => {
        return { type: status.type.short, resource: name, outcome: "refused", version, difference };
      }),
    );
}

/** null where it is not kept any more, or was never. */
function ofUpdate(state: AdminState, number: number): Comparison[] | null {
  const entry = state.configHistory("").find((one) => one.number === number);
  if (entry === undefined) return null;
  return entry.changes.map((change) => ({
    type: findResourceType(entry.typeUrl)?.short ?? entry.typeUrl,
    resource: change.name,
    outcome: change.outcome.toLowerCase(),
    version: change.version,
    difference: differenceOf(entry.typeUrl, change),
  }));
}

function comparisonLines({ type, resource, outcome, version, difference }: Comparison): string[] {
  const which = version === "" ? "" : `, version "${version}"`;
  const head = `${type} ${resource}: ${outcome}${which}`;
  if (difference === null) return [head, "  there are no two versions of it to compare"];
  return [head, ...indent(difference.length === 0 ? ["no difference"] : differenceLines(difference, maxLines), 1)];
}

function comparisonJson({ difference, ...comparison }: Comparison): object {
  return { ...comparison, difference: difference?.map(differenceJson) ?? null };
}

const maxLines = 1000;
