import { findResourceType, resourceTypes } from "../../config/dynamic/resource-types.ts";
import { suggest } from "../../proto/suggest.ts";
import { select, textField } from "./endpoint.ts";

const shortNames = resourceTypes.map(({ short }) => short);

/** The parameters of what tells of config from outside. */
export const typeField = select("type", "Only resources of this type", shortNames);
export const formatField = select("format", "Format to use", ["text", "json"]);
export const resourceField = textField("resource", "Only the resource of this name");
export const updateField = textField("update", "The update of this number in /config_history");

/** The type that a query chooses: "" for all. `fault` says what is wrong with it, else it is "". */
export function chosenType(query: ReadonlyMap<string, string>): { short: string; fault: string } {
  const asked = query.get("type") ?? "";
  if (asked === "") return { short: "", fault: "" };
  const found = findResourceType(asked);
  if (found !== null) return { short: found.short, fault: "" };
  const hint = suggest(asked, shortNames);
  const meant = hint === null ? "" : ` Did you mean "${hint}"?`;
  return { short: "", fault: `there is no type "${asked}".${meant} There are ${shortNames.join(", ")}.\n` };
}
