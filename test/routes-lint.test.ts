import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

// The command line of `nuncio routes lint`.

const repository = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "nuncio-lint-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("what is found, and the exit codes", () => {
  const example = readFileSync(join(repository, "examples/explain.yaml"), "utf8");
  const noHeader = example.replace("{ cluster_header: x-tenant-cluster }", "{ cluster: cart-blue, timeout: 0s }");
  writeFileSync(join(folder, "all.yaml"), noHeader.replaceAll("{ cluster: cart-next }", "{ cluster: cart-green }"));
  expect(run("-c", "all.yaml")).toEqual({
    status: 2,
    stdout: [
      'overlap: listener "http" virtual host "shop" routes[1] "cart-trial" prefix "/cart" has the path of routes[0] "cart-beta" prefix "/cart" and other conditions: a request that meets both goes there',
      'unreachable: listener "http" virtual host "shop" routes[3] "cart-old" path "/cart/index.php" can never match: routes[2] "cart" path_separated_prefix "/cart" before it takes all of its requests',
      'no_timeout: listener "http" virtual host "tenants" routes[0] "tenant" prefix "/" has no timeout, and no max_stream_duration',
      'unused_cluster: cluster "cart-next" is named by nothing in the file',
      "4 found",
      "",
    ].join("\n"),
    stderr: "",
  });
  const json = run("-c", "all.yaml", "--json");
  expect(JSON.parse(json.stdout).findings.map(({ kind }: { kind: string }) => kind)).toEqual([
    "overlap",
    "unreachable",
    "no_timeout",
    "unused_cluster",
  ]);
  // With a cluster by header nobody knows which are used.
  writeFileSync(join(folder, "header.yaml"), example);
  expect(run("-c", "header.yaml").stdout).not.toContain("unused_cluster");
  expect(run("-c", join(repository, "examples/weighted.yaml"))).toEqual({
    status: 0,
    stdout: "nothing found\n",
    stderr: "",
  });
  expect(run("-c", "none.yaml")).toMatchObject({ status: 1, stdout: "" });
  expect(run("-x")).toEqual({ status: 1, stdout: "", stderr: '"routes lint" has no -x\n' });
}, 60_000);

function run(...args: string[]) {
  const options = { cwd: folder, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(join(repository, "bin/nuncio"), ["routes", "lint", ...args], options);
  return { status, stdout, stderr };
}
