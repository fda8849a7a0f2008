import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { peer, requirePeer } from "./peers.ts";

const folder = mkdtempSync(join(tmpdir(), "peers-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the variable comes before .peers/bin, and .peers/bin before the PATH", () => {
  const [byVariable, inPeers, onPath] = ["variable", "peers", "path"].map((name) => executable(name, "wrk"));
  const env = { WRK_BIN: byVariable, PATH: join(folder, "path") };
  expect(peer("wrk", env, join(folder, "peers"))).toBe(byVariable);
  expect(peer("wrk", { PATH: env.PATH }, join(folder, "peers"))).toBe(inPeers);
  expect(peer("wrk", { PATH: env.PATH }, join(folder, "none"))).toBe(onPath);
});

test("a variable that names no executable is an error, not a silent fallback", () => {
  expect(() => peer("envoy-gateway", { ENVOY_GATEWAY_BIN: join(folder, "none") })).toThrow(
    /ENVOY_GATEWAY_BIN=.* is not an executable/,
  );
});

test("a peer that is nowhere is null", () => {
  expect(peer("h2spec", { PATH: "" }, folder)).toBeNull();
});

test("a required peer that is missing skips with a reason, and fails in CI", () => {
  const skipped: string[] = [];
  const context = {
    skip(reason?: string | boolean): never {
      skipped.push(String(reason));
      throw new Error("skipped");
    },
  };
  expect(() => requirePeer("h2spec", context, { PATH: "" }, folder)).toThrow("skipped");
  expect(skipped).toEqual(["h2spec is not installed: run scripts/peers h2spec"]);
  expect(() => requirePeer("h2spec", context, { PATH: "", CI: "true" }, folder)).toThrow("run scripts/peers h2spec");
  expect(skipped).toHaveLength(1);
});

function executable(subfolder: string, name: string): string {
  mkdirSync(join(folder, subfolder));
  const path = join(folder, subfolder, name);
  writeFileSync(path, "#!/bin/sh\n");
  chmodSync(path, 0o755);
  return path;
}
