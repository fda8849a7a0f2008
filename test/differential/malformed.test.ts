import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { faultsOfLenient, faultsOfStrict, type MalformedCase, malformedCases, profile, scriptOf } from "./malformed.ts";
import { pendingMalformed } from "./pending.ts";
import type { Setup } from "./setup.ts";
import { type Observation, observe } from "./side.ts";
import { candidateCommand } from "./suite.ts";

// What depends on a normalised path or a trusted peer is asked of the profile that has them.
const isOfEdge = (item: MalformedCase) => item.class === "path" || (item.check ?? "").startsWith("edge profile");
const strictClocks = { codec_type: "HTTP1", request_headers_timeout: "0.6s", request_timeout: "0.6s" };
const strictIdle = { idle_timeout: "0.6s" };

describe("malformed input, strictly", () => {
  const edgeCases = malformedCases.filter(isOfEdge);
  const plainCases = malformedCases.filter((item) => !isOfEdge(item));
  const clocks = { ...strictClocks, common_http_protocol_options: strictIdle };
  each("plain", profile("default", false, clocks), plainCases, strictHoldMs, faultsOfStrict);
  each("edge", profile("edge", false, strictClocks), edgeCases, strictHoldMs, faultsOfStrict);
});

describe("malformed input, as Envoy does", () => {
  for (const name of ["default", "edge"] as const) {
    each(name, profile(name, true, {}), malformedCases, lenientHoldMs, (item, seen) =>
      faultsOfLenient(item, name, seen),
    );
  }
});

function each(
  name: string,
  setup: Setup,
  cases: readonly MalformedCase[],
  holdMs: (item: MalformedCase) => number,
  faultsOf: (item: MalformedCase, seen: Observation) => string[],
): void {
  describe(name, () => {
    let observations: Observation[] = [];
    beforeAll(async () => {
      const folder = await mkdtemp(join(tmpdir(), "nuncio-malformed-"));
      const scripts = cases.map((item) => scriptOf(item, holdMs(item)));
      observations = await observe(candidateCommand, name, setup, scripts, folder);
      await rm(folder, { recursive: true, force: true });
    });
    for (const [index, item] of cases.entries()) {
      const pending = pendingMalformed[item.id];
      test(`${item.id} ${item.desc}${pending === undefined ? "" : ` (pending: ${pending})`}`, () => {
        // A pending case may pass in one profile and not in another.
        if (pending === undefined) expect(faultsOf(item, observations[index])).toEqual([]);
      });
    }
  });
}

function strictHoldMs(item: MalformedCase): number {
  return item.then === "hold" ? 2500 : 400;
}

function lenientHoldMs(): number {
  return 400;
}
