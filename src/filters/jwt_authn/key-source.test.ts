import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { StatsSlab } from "../../observability/stats.ts";
import { KeySource } from "./key-source.ts";
import type { JwtProviderSpec, RemoteJwksSpec } from "./spec.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

test("async_fetch ends with the config that asked for it", async () => {
  let fetches = 0;
  // What a listener's update leaves behind.
  begin(() => fetches++);
  await expect.poll(() => fetches).toBeGreaterThan(2);
  await expect
    .poll(async () => {
      collect();
      const before = fetches;
      await sleep(30);
      return fetches - before;
    })
    .toBe(0);
});

function begin(onFetch: () => void): void {
  const remote: Partial<RemoteJwksSpec> = { cluster: "none", cacheMs: 1000, numRetries: 0, failedRefetchMs: 1 };
  const spec: Partial<JwtProviderSpec> = { localJwks: null, remote: remote as RemoteJwksSpec };
  const cluster = () => {
    onFetch();
    return null;
  };
  new KeySource(spec as JwtProviderSpec, cluster, new StatsSlab(new SharedArrayBuffer(1 << 16)), "");
}
