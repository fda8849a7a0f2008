import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { peer } from "../peers.ts";
import { allCases, allSetups } from "./cases/all.ts";
import { bySetup, candidateCommand, describeDifferences, isAsExpected, runSetup, type Verdict } from "./suite.ts";

/** The same bytes to Nuncio and to real Envoy. Skipped where Envoy is not installed (`npm run peers`); under CI=true that fails. */
const envoyCommand = peer("envoy");

describe.skipIf(envoyCommand === null && process.env.CI !== "true")("the same as Envoy", () => {
  let sameTotal = 0;
  afterAll(() => console.log(`same ${sameTotal}/${allCases.length}`));
  for (const [name, cases] of bySetup(allCases)) {
    describe(name, () => {
      let verdicts: Verdict[] = [];
      beforeAll(async () => {
        verdicts = await runSetup(envoyCommand ?? "", candidateCommand, name, allSetups[name], cases);
        const same = verdicts.filter((verdict) => verdict.differences.length === 0).length;
        sameTotal += same;
        console.log(`${name}: same ${same}/${cases.length}${namedDifferences(verdicts)}`);
      });
      for (const [index, item] of cases.entries()) {
        test(item.name, () => {
          const verdict = verdicts[index];
          if (item.allowedDifference === undefined) expect(describeDifferences(verdict)).toBe("");
          else expect(isAsExpected(verdict), `difference gone: ${item.allowedDifference}`).toBe(true);
        });
      }
    });
  }
});

function namedDifferences(verdicts: readonly Verdict[]): string {
  return verdicts
    .filter((verdict) => verdict.case.allowedDifference !== undefined)
    .map((verdict) => `\n  ${verdict.case.name}: ${verdict.case.allowedDifference}`)
    .join("");
}
