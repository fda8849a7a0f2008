import fc from "fast-check";
import { expect, test } from "vitest";
import { StreamInfo } from "../observability/stream-info.ts";
import { asked, table } from "../router/random-tables.test-kit.ts";
import { deps, linkRouteTable, request } from "../router/table.test-kit.ts";
import { chooseHost, walkRoutes } from "./walk.ts";

// What explain finds by walking over the Specs is what the compiled table gives, in random tables whose routes collide.

test("the winner that is explained is the one that the table gives, 100,000 times", () => {
  let lookups = 0;
  const failures = new Set<string>();
  fc.assert(
    fc.property(
      table,
      fc.array(asked, { minLength: 24, maxLength: 40 }),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      (spec, requests, random) => {
        const live = linkRouteTable(spec, deps);
        for (const { path, host, headers, hasMetadata } of requests) {
          const head = request(path, headers, host);
          head.method = path === "" ? "CONNECT" : "GET";
          const info = new StreamInfo();
          if (hasMetadata) info.dynamicMetadata = new Map([["f", { k: "x" }]]);
          const route = live.match(head, info, random);
          const trial = { head, info, random, runtime: deps.runtime, ignorePathParameters: spec.ignorePathParameters };
          const { choice } = chooseHost(spec, trial);
          const walk = choice === null ? null : walkRoutes(choice.virtualHost, trial, 1000);
          const said = walk?.isTlsRedirect ? "https" : (walk?.winner?.spec.name ?? null);
          const got = route?.kind === "redirect" ? "https" : (route?.name ?? null);
          if (said !== got) expect({ path, host, headers, random, said }).toEqual({ said: got });
          if (route !== null) expect(choice?.virtualHost.name).toBe(route.virtualHost.name);
          for (const { failed } of walk?.tried ?? []) failures.add(failed?.kind ?? "matched");
          lookups++;
        }
      },
    ),
    { numRuns: 3300, endOnFailure: false },
  );
  expect(lookups).toBeGreaterThan(100_000);
  expect([...failures].sort()).toEqual([
    "cookie",
    "filter_state",
    "grpc",
    "header",
    "matched",
    "metadata",
    "path",
    "query",
    "runtime_fraction",
    "tls",
  ]);
}, 300_000);
