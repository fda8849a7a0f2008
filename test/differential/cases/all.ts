import { pendingCases } from "../pending.ts";
import type { Case, Setup } from "../setup.ts";
import { basicsCases, basicsSetups } from "./basics.ts";
import { failuresCases, failuresSetups } from "./failures.ts";
import { headersCases, headersSetups } from "./headers.ts";
import { pathsCases, pathsSetups } from "./paths.ts";
import { rewritesCases, rewritesSetups } from "./rewrites.ts";
import { routesCases, routesSetups } from "./routes.ts";
import { upstreamsCases, upstreamsSetups } from "./upstreams.ts";

function withPending(cases: readonly Case[]): Case[] {
  return cases.map((item) => {
    const reason = pendingCases[item.name];
    return reason === undefined ? item : { ...item, allowedDifference: reason };
  });
}

/** Every case of the differential test. */
export const allCases: readonly Case[] = withPending([
  ...basicsCases,
  ...headersCases,
  ...pathsCases,
  ...failuresCases,
  ...routesCases,
  ...rewritesCases,
  ...upstreamsCases,
]);

/** Every setup, by the name that cases use. */
export const allSetups: Readonly<Record<string, Setup>> = {
  ...basicsSetups,
  ...headersSetups,
  ...pathsSetups,
  ...failuresSetups,
  ...routesSetups,
  ...rewritesSetups,
  ...upstreamsSetups,
};
