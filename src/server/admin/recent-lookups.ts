import { type Endpoint, text } from "./endpoint.ts";

/**
 * Envoy counts lookups of stat names in its symbol table, to find code that builds names per request. Stats here are slots
 * found once at configuration, so the list is always empty; the endpoints answer as Envoy's do.
 */
export const recentLookups: Endpoint = {
  path: "/stats/recentlookups",
  help: "Show recent stat-name lookups",
  mutates: false,
  params: [],
  handle: () =>
    text(
      enabled
        ? "   Count Lookup\n\ntotal: 0\n"
        : "Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\ntotal: 0\n",
    ),
};

export const recentLookupsClear = order("clear", "clear list of stat-name lookups and counter", () => {});
export const recentLookupsDisable = order("disable", "disable recording of reset stat-name lookup names", () => {
  enabled = false;
});
export const recentLookupsEnable = order("enable", "enable recording of reset stat-name lookup names", () => {
  enabled = true;
});

function order(name: string, help: string, act: () => void): Endpoint {
  return {
    path: `/stats/recentlookups/${name}`,
    help,
    mutates: true,
    params: [],
    handle: () => {
      act();
      return text("OK\n");
    },
  };
}

let enabled = false;
