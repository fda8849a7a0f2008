import { parseArgs } from "node:util";
import { peer } from "../peers.ts";
import { allCases, allSetups } from "./cases/all.ts";
import {
  bySetup,
  candidateCommand,
  describeDifferences,
  describeObservation,
  isAsExpected,
  runSetup,
  type Verdict,
} from "./suite.ts";

/** `scripts/node test/differential/run.ts [--candidate CMD] [--bootstrap NAME] [--case REGEXP] [--show]`: the table, with every difference; --show prints what Envoy did. */
const { values } = parseArgs({
  options: {
    candidate: { type: "string", default: candidateCommand },
    bootstrap: { type: "string" },
    case: { type: "string", default: "" },
    show: { type: "boolean", default: false },
  },
});
const envoyCommand = peer("envoy");
if (envoyCommand === null) throw new Error("no Envoy: set ENVOY_BIN or run `npm run peers`");
const wanted = new RegExp(values.case, "i");
const cases = allCases.filter((item) => wanted.test(item.name) && (values.bootstrap ?? item.setup) === item.setup);
const verdicts: Verdict[] = [];
const started = performance.now();
for (const [name, group] of bySetup(cases)) {
  try {
    const found = await runSetup(envoyCommand, values.candidate, name, allSetups[name], group);
    for (const verdict of found) report(verdict);
    verdicts.push(...found);
  } catch (error) {
    console.log(`${name}: ${group.length} cases not run: ${error instanceof Error ? error.message : error}`);
  }
}
const same = verdicts.filter((verdict) => verdict.differences.length === 0).length;
const order = verdicts.filter((verdict) => verdict.isOrderOnly).length;
const named = verdicts.filter(
  (verdict) => verdict.case.allowedDifference !== undefined && isAsExpected(verdict),
).length;
console.log(
  `same ${same}/${cases.length}, ${named} named differences, ${order} in another order of fields, ${((performance.now() - started) / 1000).toFixed(1)} s`,
);
process.exitCode = verdicts.length === cases.length && verdicts.every(isAsExpected) ? 0 : 1;

function report(verdict: Verdict): void {
  if (values.show) console.log(`${verdict.case.setup}: ${verdict.case.name}\n${describeObservation(verdict.envoy)}`);
  if (verdict.isOrderOnly) console.log(`ORDER ${verdict.case.setup}: ${verdict.case.name}`);
  if (verdict.differences.length === 0 && isAsExpected(verdict)) return;
  const reason = verdict.case.allowedDifference;
  if (verdict.differences.length === 0)
    console.log(`GONE ${verdict.case.setup}: ${verdict.case.name}: difference gone: ${reason}`);
  else
    console.log(
      `${reason === undefined ? "DIFF" : `NAMED (${reason})`} ${verdict.case.setup}: ${verdict.case.name}\n${describeDifferences(verdict)}`,
    );
}
