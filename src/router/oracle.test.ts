import fc from "fast-check";
import { expect, test } from "vitest";
import { StreamInfo } from "../observability/stream-info.ts";
import { asked, plainTable } from "./random-tables.test-kit.ts";
import { compileRoutes, joinRoutes } from "./route-parts.ts";
import { finish } from "./slices.ts";
import type { RouteConfigSpec, RouteMatchSpec, VirtualHostSpec } from "./spec.ts";
import { deps, linkRouteTable, request } from "./table.test-kit.ts";

// Random tables of a small alphabet, so that routes and hosts collide: the compiled table gives what a walk over all
// routes gives, linked from its routes or compiled ahead for workers. The walk knows nothing of tries, analysis or order numbers.

test("the compiled table gives what walking the routes gives, 100,000 times", () => {
  let lookups = 0;
  const found = new Set<string>();
  fc.assert(
    fc.property(plainTable, fc.array(asked, { minLength: 24, maxLength: 40 }), (spec, requests) => {
      const live = linkRouteTable(spec, deps);
      const { head: config, parts } = structuredClone(compileRoutes(spec));
      const compiled = linkRouteTable(finish(joinRoutes(config, () => parts.shift())), deps);
      for (const { path, host, headers, hasMetadata } of requests) {
        const head = request(path, headers, host);
        head.method = path === "" ? "CONNECT" : "GET";
        const info = new StreamInfo();
        if (hasMetadata) info.dynamicMetadata = new Map([["f", { k: "x" }]]);
        const expected = walk(spec, head.method, path, host, headers, hasMetadata);
        const name = live.match(head, info, 0)?.name ?? null;
        if (name !== expected) expect({ path, host, headers, hasMetadata, name }).toEqual({ name: expected });
        expect(compiled.match(head, info, 0)?.name ?? null).toBe(expected);
        found.add(String(name));
        lookups++;
      }
    }),
    { numRuns: 3300, endOnFailure: false },
  );
  expect(lookups).toBeGreaterThan(100_000);
  expect(found.size).toBeGreaterThan(30);
}, 120_000);

function walk(
  spec: RouteConfigSpec,
  method: string,
  target: string,
  host: string,
  headers: Record<string, string>,
  hasMetadata: boolean,
): string | null {
  const served = hostOf(spec.virtualHosts, host.toLowerCase());
  for (const { name, match: m } of served?.routes ?? []) {
    const isMatch =
      takesPath(m, method, target, spec.ignorePathParameters) && takesRest(m, target, headers, hasMetadata);
    if (isMatch) return name;
  }
  return null;
}

/** The exact one, then the longest "*…", then the longest "…*", then "*". */
function hostOf(hosts: readonly VirtualHostSpec[], host: string): VirtualHostSpec | null {
  const all = hosts.flatMap((vhostSpec) => vhostSpec.domains.map((name) => ({ name: name.toLowerCase(), vhostSpec })));
  const ends = (name: string): boolean =>
    name.length > 1 && name.startsWith("*") && host.endsWith(name.slice(1)) && host.length >= name.length;
  const begins = (name: string): boolean =>
    name.length > 1 && name.endsWith("*") && host.startsWith(name.slice(0, -1)) && host.length >= name.length;
  const longest = (test: (name: string) => boolean) =>
    all.filter(({ name }) => test(name)).sort((a, b) => b.name.length - a.name.length)[0];
  const one =
    (host === "" ? undefined : all.find(({ name }) => name === host)) ??
    longest(ends) ??
    longest(begins) ??
    all.find(({ name }) => name === "*");
  return one?.vhostSpec ?? null;
}

function takesPath(m: RouteMatchSpec, method: string, target: string, ignoreParameters: boolean): boolean {
  if (m.path.kind === "connect") return method === "CONNECT";
  if (target === "") return false;
  const noQuery = target.split("?")[0] as string;
  const taken = ignoreParameters ? (noQuery.split(";")[0] as string) : noQuery;
  const fold = (text: string): string => (m.caseSensitive ? text : text.toLowerCase());
  const [p, v] = [fold(taken), fold(m.path.value)];
  switch (m.path.kind) {
    case "regex":
      return new RegExp(`^(?:${m.path.value})$`).test(taken);
    case "template":
      return takesTemplate(m.path.value, taken);
    case "path":
      return p === v;
    case "prefix":
      return p.startsWith(v);
    case "pathSeparatedPrefix":
      return p.startsWith(v) && (p.length === v.length || p[v.length] === "/");
  }
}

function takesTemplate(source: string, taken: string): boolean {
  const glob = (text: string): string => text.replace("**", "<t>").replace("*", "[^/]+").replace("<t>", ".*");
  const regex = source
    .replace(".", "\\.")
    .replace(/\{x=?([^}]*)\}|(\*+)/g, (_, inner, stars) => `(${glob(stars ?? (inner || "*"))})`);
  return new RegExp(`^${regex}$`).test(taken);
}

function takesRest(m: RouteMatchSpec, target: string, headers: Record<string, string>, hasMetadata: boolean): boolean {
  const query = new Map(
    (target.split("?")[1] ?? "").split("&").map((pair) => [pair.split("=")[0], pair.split("=")[1]] as const),
  );
  return (
    m.headers.every(({ string, present }) =>
      string === null ? (headers.x !== undefined) === present : headers.x === string.value,
    ) &&
    m.query.every(
      ({ name, string }) => query.has(name) && (string === null || (query.get(name) ?? "") === string.value),
    ) &&
    (m.metadata.length === 0 || hasMetadata)
  );
}
