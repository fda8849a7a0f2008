import { parseArgs } from "node:util";
import { choose, positiveInteger } from "../options.ts";

/** How much of each change, and of whom. */
export interface SwapOptions {
  proxyNames: (typeof swapProxies)[number][];
  changes: number;
  routes: number;
  clusters: number;
}

/** The options behind "swap". Throws with a sentence for the user. */
export function parseSwapOptions(args: string[]): SwapOptions {
  const { values } = parseArgs({
    args,
    options: {
      proxies: { type: "string" },
      changes: { type: "string", default: "40" },
      routes: { type: "string", default: "10000" },
      clusters: { type: "string", default: "5000" },
    },
  });
  return {
    proxyNames: choose("proxy", values.proxies, swapProxies),
    changes: positiveInteger("--changes", values.changes),
    routes: positiveInteger("--routes", values.routes),
    clusters: positiveInteger("--clusters", values.clusters),
  };
}

/** Those that an xDS control plane drives. */
const swapProxies = ["nuncio", "envoy"] as const;
