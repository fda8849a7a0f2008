import { differenceLines } from "../../config/dynamic/change-difference.ts";
import { indent, problemLines, servesText } from "../../config/dynamic/refusal-block.ts";
import type { Wait, Waiting } from "../../config/dynamic/waiting.ts";
import type { ConfigStatus, RefusedStatus, SourceStatus, TypeStatus } from "../config-status.ts";
import { chosenType, formatField, typeField } from "./config-params.ts";
import { type Endpoint, json, text } from "./endpoint.ts";

type Json = Record<string, unknown>;

/** Nuncio's own: the config that comes from outside, what is refused of it and why, what is waited for. */
export const configStatus: Endpoint = {
  path: "/config_status",
  help: "config that comes from outside: what serves, what is refused and why, what is waited for",
  mutates: false,
  params: [typeField, formatField],
  handle({ query }, state) {
    const type = chosenType(query);
    if (type.fault !== "") return text(type.fault, 400);
    const all = state.configStatus();
    const types = all.types.filter(({ type: { short } }) => type.short === "" || short === type.short);
    const status = { ...all, types };
    return query.get("format") === "json" ? json(statusJson(status)) : text(statusText(status));
  },
};

function statusText({ isServing, types }: ConfigStatus): string {
  const refused = types.reduce((count, type) => count + type.refused.length, 0);
  const failed = types.flatMap(({ sources }) => sources).filter(isFailed).length;
  const waiting = types.reduce((count, type) => count + type.waiting.length, 0);
  const counts = [
    refused > 0 ? `${refused} refused` : "",
    failed > 0 ? `${failed} without a source` : "",
    waiting > 0 ? `${waiting} waiting` : "",
  ].filter((part) => part !== "");
  const head = isServing ? "serving" : "not serving yet";
  if (types.length === 0) return `${head}; no config comes from outside\n`;
  const lines = [`${head}; ${counts.length === 0 ? "all config is in force" : counts.join(", ")}`];
  for (const type of types) lines.push("", ...typeLines(type));
  return `${lines.join("\n")}\n`;
}

function typeLines({ type, sources, resourceCount, refused, waiting }: TypeStatus): string[] {
  return [
    `${type.name} (${type.short}): ${resourceCount} ${resourceCount === 1 ? "resource" : "resources"}`,
    ...indent(sources.flatMap(sourceLines), 1),
    ...indent(refused.flatMap(refusedLines), 1),
    ...indent(waiting.map(waitingLine), 1),
  ];
}

function sourceLines({ source, state, since, controlPlane, version, acceptedAt, failure }: SourceStatus): string[] {
  const who = controlPlane === "" ? "" : `, control plane "${controlPlane}"`;
  const live =
    acceptedAt === null
      ? "nothing taken yet"
      : `${version === "" ? "" : `version "${version}" `}taken ${acceptedAt.toISOString()}`;
  const lines = [`from ${source}: ${state} since ${since.toISOString()}${who}; ${live}`];
  if (failure === null) return lines;
  const retry = failure.retryAt === null || state === "connected" ? "" : `; again at ${failure.retryAt.toISOString()}`;
  const [first = "", ...rest] = failure.text.split("\n");
  const when = state === "connected" ? `the stream before ended ${failure.at.toISOString()}: ` : "";
  return [...lines, ...indent([`${when}${first}${retry}`, ...rest], 1)];
}

function refusedLines({
  name,
  version,
  at,
  liveVersion,
  isPartial,
  problems,
  details,
  difference,
}: RefusedStatus): string[] {
  const what = name === "" ? "a resource without a name" : name;
  const which = version === "" ? "" : `, version "${version}",`;
  return [
    `REFUSED ${what}${which} at ${at.toISOString()}; ${servesText(liveVersion, isPartial)}`,
    // Those of a file stand with their lines and columns.
    ...indent(problems.length > 0 ? problems.flatMap(problemLines) : details.split("\n"), 1),
    ...(difference === null || difference.length === 0
      ? []
      : indent(["it differs from what serves by", ...indent(differenceLines(difference, maxDifferences), 1)], 1)),
  ];
}

function waitingLine({ name, since, isServing, for: waits }: Waiting): string {
  const meanwhile = isServing ? "; the version before serves" : "";
  return `WAITING ${name} since ${since.toISOString()} for ${waits.map(waitText).join(", ")}${meanwhile}`;
}

function waitText({ kind, name }: Wait): string {
  switch (kind) {
    case "routes":
      return `routes "${name}"`;
    case "scopes":
      return "its scopes";
    case "filter":
      return `the config of filter "${name}"`;
    case "secret":
      return `secret "${name}"`;
    case "endpoints":
      return `endpoints of "${name}"`;
    case "names":
      return "its names to be resolved";
  }
}

function statusJson({ isServing, types }: ConfigStatus): Json {
  return {
    serving: isServing,
    types: types.map(({ type, sources, resourceCount, refused, waiting }) => ({
      type: type.short,
      type_url: type.typeUrl,
      resources: resourceCount,
      sources: sources.map(({ source, state, since, controlPlane, version, acceptedAt, failure }) => ({
        source,
        state,
        since,
        control_plane: controlPlane,
        version,
        accepted_at: acceptedAt,
        failure: failure && { at: failure.at, text: failure.text, retry_at: failure.retryAt },
      })),
      refused: refused.map(({ name, version, at, liveVersion, isPartial, problems, details, difference }) => ({
        resource: name,
        version,
        at,
        live_version: liveVersion,
        rest_serves: isPartial,
        problems: problems.map(problemJson),
        details,
        difference: difference?.map(differenceJson) ?? null,
      })),
      waiting: waiting.map(({ name, since, isServing: serves, for: waits }) => ({
        resource: name,
        since,
        serving: serves,
        for: waits,
      })),
    })),
  };
}

/** A problem with what stands at its path. */
export function problemJson({ path, reason, value, suggestion, envoyText }: RefusedStatus["problems"][0]): Json {
  return { path, reason, value, suggestion, envoy: envoyText };
}

export function differenceJson({ path, before, after }: { path: string; before: unknown; after: unknown }): Json {
  return { path, before: before ?? null, after: after ?? null };
}

function isFailed({ state }: SourceStatus): boolean {
  return state === "disconnected" || state === "unreadable";
}

const maxDifferences = 40;
