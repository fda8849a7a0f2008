import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "vitest";

/** The programs that tests and benches run beside Nuncio. scripts/peers installs them. */
export type PeerName =
  | "envoy"
  | "envoy-gateway"
  | "go-control-plane"
  | "sovereign"
  | "h2spec"
  | "wrk"
  | "h2load"
  | "nginx"
  | "haproxy"
  | "redis-server";

/** Where a peer's executable is, or null: the variable <NAME>_BIN, then .peers/bin, then the PATH and Debian's sbin. A variable that names no executable is an error. */
export function peer(
  name: PeerName,
  env: NodeJS.ProcessEnv = process.env,
  peersBin: string = ourPeersBin,
): string | null {
  const variable = `${name.toUpperCase().replaceAll("-", "_")}_BIN`;
  const chosen = env[variable];
  if (chosen) {
    if (!isExecutable(chosen)) throw new Error(`${variable}=${chosen} is not an executable file`);
    return chosen;
  }
  const folders = [peersBin, ...(env.PATH ?? "").split(delimiter).filter(Boolean), "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

/** A peer's path for a test that cannot do without it. Where it is missing, the test is skipped with the reason; under CI=true it fails. */
export function requirePeer(
  name: PeerName,
  test: Pick<TestContext, "skip">,
  env: NodeJS.ProcessEnv = process.env,
  peersBin: string = ourPeersBin,
): string {
  const path = peer(name, env, peersBin);
  if (path !== null) return path;
  const reason = `${name} is not installed: run scripts/peers ${name === "h2load" ? "nghttp2-client" : name}`;
  if (env.CI === "true") throw new Error(reason);
  test.skip(reason);
  throw new Error(reason); // skip() throws already; this tells the compiler.
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const ourPeersBin = join(import.meta.dirname, "../.peers/bin");
