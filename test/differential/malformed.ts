import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rawAnswer, request } from "./bytes.ts";
import type { Script } from "./client.ts";
import { statusOf } from "./http-text.ts";
import type { Json, Setup } from "./setup.ts";
import type { Observation } from "./side.ts";

/** A case of h1-malformed.json; h1-malformed.format.md says what each field means. */
export interface MalformedCase {
  id: string;
  class: string;
  dir: "request" | "response";
  desc: string;
  bytes_escaped: string;
  expect: string;
  check?: string;
  then?: "close" | "half-close" | "hold";
  upstream_max_requests?: number;
  must_not_reach?: string;
  envoy_1_40: { default: Measured; edge?: Measured };
}

/** What Envoy 1.40 was measured to do. */
interface Measured {
  statuses: number[];
  closed: "fin" | "open" | "reset";
  upstream_lines?: string[];
  flags_details?: string[];
}

/** Every case of the file. */
export const malformedCases: readonly MalformedCase[] = JSON.parse(
  readFileSync(join(import.meta.dirname, "h1-malformed.json"), "utf8"),
);

/** What a client sends for a case, and how long it listens. */
export function scriptOf(item: MalformedCase, holdMs: number): Script {
  const finish = item.then === "half-close" ? "half-close" : "hold";
  if (item.dir === "request") return { send: item.bytes_escaped, answers: 0, finish, holdMs };
  const answer = rawAnswer(item.bytes_escaped).replace("raw:", item.then === "close" ? "close raw:" : "raw:");
  return { send: request(`GET /rs/${item.id}`, answer), answers: 0, finish, holdMs };
}

/** The manager of a profile; `more` is merged over it. The file's "deny prefix /admin" is a route here. */
export function profile(name: "default" | "edge", isLenient: boolean, more: Json): Setup {
  return {
    manager: { ...(name === "edge" ? edge : {}), ...more },
    runtime: isLenient ? { "nuncio.http1_envoy_leniency": true } : {},
    virtualHosts: [
      {
        name: "all",
        domains: ["*"],
        routes: [
          { name: "denied", match: { prefix: "/admin" }, direct_response: { status: 403 } },
          { name: "all", match: { prefix: "/" }, route: { cluster: "backend{lane}" } },
        ],
      },
    ],
  };
}

/** Why an observation is not what a strict edge does; empty when it is. */
export function faultsOfStrict(item: MalformedCase, seen: Observation): string[] {
  const faults: string[] = [];
  const complete = completeLines(seen);
  if (!item.expect.split("|").some((token) => meets(token, seen)))
    faults.push(`expected ${item.expect}, got ${statuses(seen).join(",") || "no answer"} and ${seen.ending}`);
  if (complete.length > (item.upstream_max_requests ?? Number.POSITIVE_INFINITY))
    faults.push(`${complete.length} requests reached the backend: ${complete.join("; ")}`);
  if (item.must_not_reach !== undefined && complete.some((line) => line.split(" ")[1] === item.must_not_reach))
    faults.push(`${item.must_not_reach} reached the backend`);
  return faults;
}

/** Why an observation is not what Envoy was measured to do; empty when it is. */
export function faultsOfLenient(item: MalformedCase, name: "default" | "edge", seen: Observation): string[] {
  const measured = item.envoy_1_40[name] ?? item.envoy_1_40.default;
  const faults: string[] = [];
  const check = (what: string, expected: string, got: string) => {
    if (expected !== got) faults.push(`${what}: Envoy ${expected}, here ${got}`);
  };
  check("statuses", measured.statuses.join(), seen.messages.map(statusOf).join());
  // A response case was measured for a quarter of a second; its close is in the differential cases.
  if (item.dir === "request") check("closed", String(measured.closed !== "open"), String(seen.ending !== "open"));
  const lines = (measured.upstream_lines ?? []).filter((line) => !line.endsWith("(incomplete)"));
  if (item.dir === "request") check("backend requests", lines.join("; "), completeLines(seen).join("; "));
  const told = [...new Set(seen.log.map((line) => `${line.flags ?? "-"}|${line.details ?? "-"}`))];
  const isDenied = (measured.flags_details ?? []).some((text) => text.includes("rbac_"));
  if (!isDenied) check("log", (measured.flags_details ?? []).join("; "), told.join("; "));
  return faults;
}

function meets(token: string, seen: Observation): boolean {
  const codes = statuses(seen);
  const status = Number(/\d+$/.exec(token)?.[0] ?? 0);
  if (status > 0) return codes.at(-1) === status;
  const last = seen.messages.at(-1);
  if (token === "close") return seen.ending !== "open" && last?.complete !== true;
  const isAnswered = codes.length > 0 && (codes[0] < 400 || codes[0] === 404);
  return isAnswered || (codes.length === 0 && seen.seen.length > 0);
}

function statuses(seen: Observation): number[] {
  return seen.messages.map(statusOf).filter((status) => status >= 200 || status === 101);
}

function completeLines(seen: Observation): string[] {
  return seen.seen.filter((request) => request.complete).map((request) => request.line);
}

const edge: Json = {
  use_remote_address: true,
  normalize_path: true,
  merge_slashes: true,
  path_with_escaped_slashes_action: "UNESCAPE_AND_REDIRECT",
  common_http_protocol_options: { headers_with_underscores_action: "REJECT_REQUEST" },
};
