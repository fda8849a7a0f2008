import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { peer } from "../../test/peers.ts";
import { makeCertificate } from "../certificate.ts";
import { freePorts, pinSelf, startChild } from "../children.ts";
import { findProxy, loadCore } from "../proxies.ts";
import { alignColumns } from "../table.ts";
import { kinds } from "./load.ts";
import type { SwapOptions } from "./options.ts";
import { runSwap, type SwapResult } from "./run.ts";

/** `npm run bench swap`: config changed under load, by go-control-plane, Nuncio and Envoy one after the other. 1 where a request failed. */
export async function benchSwap(
  options: SwapOptions,
  folder: string,
  progress: (text: string) => void,
): Promise<number> {
  const controlPlane = peer("go-control-plane");
  if (controlPlane === null) {
    console.error("bench: go-control-plane is not there (scripts/peers go-control-plane)");
    return 1;
  }
  // Load, backend and control plane stay off the proxy's core.
  pinSelf(loadCore);
  const [first, second] = await freePorts(2);
  const program = fileURLToPath(new URL("./backend.ts", import.meta.url));
  const backend = startChild(
    process.execPath,
    [program, `${first}`, `${second}`],
    loadCore,
    join(folder, "backend.log"),
  );
  const certificates = [makeCertificate(folder, "one"), makeCertificate(folder, "two")] as const;
  const results: SwapResult[] = [];
  let hasFailed = false;
  for (const name of options.proxyNames) {
    const proxy = findProxy(name);
    if (proxy === null) {
      console.error(`bench: ${name} is not there`);
      hasFailed = true;
      continue;
    }
    const bed = { backendPorts: [first, second] as const, certificates, folder };
    results.push(await runSwap(proxy, controlPlane, options, bed, progress));
  }
  progress("");
  await backend.stop();
  console.log(report(results, options));
  return hasFailed || results.some(({ small, large }) => failed(small) + failed(large) > 0) ? 1 : 0;
}

function report(results: readonly SwapResult[], options: SwapOptions): string {
  const millis = (value: number) => `${value.toFixed(1)} ms`;
  const row = (title: string, cell: (result: SwapResult) => string) => [title, ...results.map(cell)];
  const rows = [["", ...results.map(({ proxy }) => proxy)]];
  for (const phase of ["small", "large"] as const) {
    rows.push(
      phase === "small"
        ? row(`${options.changes} changes of every kind, 4 a second`, () => "")
        : row(`${options.routes} routes replaced, 10 times`, () => ""),
    );
    for (const kind of kinds) {
      rows.push(
        row(`  ${kind}, answered / failed`, (one) => `${one[phase][kind].answered} / ${one[phase][kind].failed}`),
      );
    }
    rows.push(
      row("  p50, p99 HTTP/1.1", (one) => {
        const { p50Millis, p99Millis } = one[phase]["HTTP/1.1 keep-alive"];
        return `${millis(p50Millis)}, ${millis(p99Millis)}`;
      }),
      row("  time until the routes are live", (one) => millis(one.liveMillis[phase])),
    );
  }
  rows.push(row(`memory of ${options.clusters} clusters`, (one) => `${(one.clusterBytes / 2 ** 20).toFixed(0)} MiB`));
  const reasons = results.flatMap(({ proxy, small, large }) =>
    [small, large].flatMap((phase) =>
      kinds.filter((kind) => phase[kind].failed > 0).map((kind) => `${proxy}: ${kind}: ${phase[kind].reason}`),
    ),
  );
  return [...alignColumns(rows), ...reasons].join("\n");
}

function failed(phase: SwapResult["small"]): number {
  return kinds.reduce((sum, kind) => sum + phase[kind].failed, 0);
}
