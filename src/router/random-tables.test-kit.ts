import fc from "fast-check";
import type { PathMatchSpec, RouteConfigSpec, RouteMatchSpec, VirtualHostSpec } from "./spec.ts";
import { config, route, vhost } from "./table.test-kit.ts";

const word = fc.string({ unit: fc.constantFrom("a", "b", "/", "A", "-", ";"), maxLength: 6 });
const pattern = fc
  .array(fc.constantFrom("a", "b", "/", ".*", "[^/]+", "a?", "(a|b)", "b+", "[ab]{1,2}", "\\.?"), { maxLength: 5 })
  .map((parts) => parts.join(""));
const template = fc.constantFrom(
  "/{x}",
  "/a/{x}",
  "/{x}/b",
  "/*/b",
  "/**",
  "/a/{x=b/*}",
  "/a/*.b",
  "/a{x}b",
  "/{x}a/b",
);
const path: fc.Arbitrary<PathMatchSpec> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom("prefix" as const, "path" as const, "pathSeparatedPrefix" as const),
      value: word.map((w) => `/${w}`),
    }),
  },
  { weight: 3, arbitrary: pattern.map((value) => ({ kind: "regex" as const, value: `/${value}` })) },
  { weight: 2, arbitrary: template.map((value) => ({ kind: "template" as const, value })) },
  { weight: 1, arbitrary: fc.constant({ kind: "connect" as const, value: "" }) },
);
const exact = (value: string) => ({ kind: "exact" as const, value, ignoreCase: false });
const header = { string: null, range: null, present: true, invert: false, missingAsEmpty: false };
const conditions = fc.constantFrom<Partial<RouteMatchSpec>>(
  {},
  {},
  {},
  { headers: [{ ...header, name: "x" }] },
  { headers: [{ ...header, name: "x", string: exact("1") }] },
  { headers: [{ ...header, name: "x", present: false }] },
  { query: [{ name: "q", string: null, present: true }] },
  { query: [{ name: "q", string: exact("a"), present: true }] },
  { metadata: [{ path: ["f", "k"], value: { kind: "present", value: true }, invert: false }] },
);
const plain = { headers: [], query: [], cookies: [], runtimeFraction: null, grpc: false, tls: null };
const match: fc.Arbitrary<RouteMatchSpec> = fc
  .record({ path, caseSensitive: fc.boolean(), more: conditions })
  .map(({ more, ...spec }) => ({ ...plain, metadata: [], filterState: [], ...spec, ...more }));
const more = fc.constantFrom<Partial<RouteMatchSpec>>(
  {},
  {},
  {},
  { cookies: [{ name: "c", string: exact("1"), invert: false }] },
  { cookies: [{ name: "c", string: exact("1"), invert: true }] },
  { runtimeFraction: { numerator: 30, denominator: 100, runtimeKey: "" } },
  { grpc: true },
  { tls: { presented: true, validated: null } },
  { tls: { presented: false, validated: null } },
  { filterState: [{ key: "k", string: exact("1"), ranges: null }] },
);
const richMatch = fc.tuple(match, more).map(([spec, extra]) => ({ ...spec, ...extra }));
const domain = fc.constantFrom("a", "b", "a.b", "*.b", "*-a.b", "a.*", "a.b.*", "*", "A.c", "*.c");
const tableOf = (
  matches: fc.Arbitrary<RouteMatchSpec>,
  requireTls: fc.Arbitrary<VirtualHostSpec["requireTls"]>,
): fc.Arbitrary<RouteConfigSpec> =>
  fc
    .record({
      hosts: fc.array(
        fc.record({
          domains: fc.array(domain, { minLength: 1, maxLength: 3 }),
          routes: fc.array(matches, { maxLength: 25 }),
          requireTls,
        }),
        { minLength: 1, maxLength: 3 },
      ),
      ignorePathParameters: fc.boolean(),
    })
    .map(({ hosts, ignorePathParameters }) => {
      const taken = new Set<string>();
      const vhosts = hosts.map(({ domains, routes, requireTls: tls }, v) => {
        // Domains are unique in a table.
        const own = domains.filter((name) => !taken.has(name.toLowerCase()) && taken.add(name.toLowerCase()));
        return vhost(
          own,
          routes.map((spec, r) => route(`${v}.${r}`, spec)),
          { requireTls: tls },
        );
      });
      return config(vhosts, { ignorePathParameters });
    });
/** Random tables of a small alphabet, so that routes and hosts collide. Routes are named by their places: "host.route". */
export const plainTable = tableOf(match, fc.constant("NONE"));
/** With every kind of condition besides, and require_tls. */
export const table = tableOf(richMatch, fc.constantFrom("NONE", "NONE", "NONE", "ALL", "EXTERNAL_ONLY"));
/** What is asked of them. */
export const asked = fc.record({
  path: fc.oneof(
    {
      weight: 20,
      arbitrary: fc.tuple(word, fc.constantFrom("", "", "?q", "?q=a/b", "?p&q=a")).map(([w, q]) => `/${w}${q}`),
    },
    { weight: 1, arbitrary: fc.constant("") },
  ),
  host: fc.constantFrom("a", "b", "a.b", "x.b", "x-a.b", "a.x", "a.b.x", "A.C", "x.y.c", ".b", ""),
  headers: fc.constantFrom<Record<string, string>>({}, {}, { x: "1" }, { x: "2" }, { cookie: "c=1" }),
  hasMetadata: fc.boolean(),
});
