import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, H2CClient, request } from "undici";
import { peer } from "../test/peers.ts";
import { type BenchCase, isHttp2 } from "./cases.ts";
import { type Child, startChild } from "./children.ts";
import type { Endpoints } from "./configs/endpoints.ts";
import { envoyConfig } from "./configs/envoy.ts";
import { haproxyConfig, haproxyRouteMap } from "./configs/haproxy.ts";
import { nginxProxyConfig } from "./configs/nginx.ts";
import { benchToken } from "./jwt.ts";

/** The proxies the bench knows; splice is none, but the least that one on Node costs. */
export const proxyNames = ["nuncio", "envoy", "haproxy", "nginx", "splice"] as const;
export type ProxyName = (typeof proxyNames)[number];

/** A proxy that is there to be measured. */
export interface ProxyProgram {
  name: ProxyName;
  command: string;
  version: string;
}

/** Finds a proxy; null when it is not installed. */
export function findProxy(name: ProxyName): ProxyProgram | null {
  if (name === "splice") return { name, command: process.execPath, version: process.version.slice(1) };
  const command = name === "nuncio" ? (existsSync(nuncioMain) ? nuncioLauncher : null) : peer(name);
  if (command === null) return null;
  const { stdout, stderr } = spawnSync(command, [name === "nginx" || name === "haproxy" ? "-v" : "--version"], {
    encoding: "utf8",
  });
  return { name, command, version: /\d+\.\d+\.\d+/.exec(stdout + stderr)?.[0] ?? "unknown" };
}

/** Whether a proxy can do what a case asks. nginx 1.22 speaks either version on a port, not both, and HTTP/1.1 to backends. */
export function canServe(name: ProxyName, benchCase: BenchCase): boolean {
  const speaksHttp2 = isHttp2(benchCase) || benchCase.upstream === "http2";
  if (name === "splice") {
    const { load, isTls, accessLog, hasFilters, routes, upstream } = benchCase;
    // It hands on what comes, and so to a backend of the clients' own version alone.
    const isSame = isHttp2(benchCase) ? upstream === "http2" : load === "closed-loop" && upstream === "http1";
    return isSame && !isTls && !accessLog && !hasFilters && routes.count === 1;
  }
  if (benchCase.hasFilters) return name === "nuncio" || name === "envoy";
  return name !== "nginx" || !speaksHttp2;
}

/** Starts a proxy for a case with one worker on the proxies' core, and waits until the backend answers through it. */
export async function startProxy(proxy: ProxyProgram, benchCase: BenchCase, endpoints: Endpoints): Promise<Child> {
  mkdirSync(endpoints.folder, { recursive: true });
  const child = startChild(
    proxy.command,
    writeConfig(proxy.name, benchCase, endpoints),
    proxyCore,
    join(endpoints.folder, "log"),
  );
  const url = `${benchCase.isTls ? "https" : "http"}://127.0.0.1:${endpoints.listenPort}${benchCase.path}`;
  for (const deadline = Date.now() + startMillis; ; await sleep(50)) {
    const problem = await whyNotReady(url, benchCase);
    if (problem === null) return child;
    if (child.hasExited() || Date.now() > deadline) {
      await child.stop();
      throw new Error(`${proxy.name} does not serve case ${benchCase.name}: ${problem}\n${child.logTail()}`);
    }
  }
}

/** The core of the proxy under test; load and backend have the other. */
const proxyCore = 0;
export const loadCore = 1;

/** Writes what the proxy reads and gives its arguments. */
function writeConfig(name: ProxyName, benchCase: BenchCase, endpoints: Endpoints): string[] {
  const file = (fileName: string, text: string): string => {
    const path = join(endpoints.folder, fileName);
    writeFileSync(path, text);
    return path;
  };
  switch (name) {
    case "nuncio":
      return ["-c", file("envoy.yaml", envoyConfig(benchCase, endpoints)), "--concurrency", "1"];
    case "envoy":
      return [
        "-c",
        file("envoy.yaml", envoyConfig(benchCase, endpoints)),
        "--concurrency",
        "1",
        "--use-dynamic-base-id",
        "-l",
        "error",
      ];
    case "haproxy":
      file("routes.map", haproxyRouteMap(benchCase));
      return ["-db", "-f", file("haproxy.cfg", haproxyConfig(benchCase, endpoints))];
    case "splice":
      return [join(import.meta.dirname, "splice.ts"), String(endpoints.listenPort), String(endpoints.backendPort)];
    case "nginx":
      return ["-p", endpoints.folder, "-c", file("nginx.conf", nginxProxyConfig(benchCase, endpoints))];
  }
}

async function whyNotReady(url: string, benchCase: BenchCase): Promise<string | null> {
  const { isTls, hasFilters } = benchCase;
  const cleartext = isHttp2(benchCase) && !isTls ? new H2CClient(new URL(url).origin) : null;
  try {
    const { statusCode, body } = await request(url, {
      reset: true,
      headers: hasFilters ? { authorization: `Bearer ${benchToken()}` } : {},
      signal: AbortSignal.timeout(2_000),
      dispatcher: cleartext ?? anyone,
    });
    await body.dump();
    return statusCode === 200 ? null : `status ${statusCode}`;
  } catch (error) {
    return String(error);
  } finally {
    await cleartext?.destroy();
  }
}

/** Believes the bench's own certificate. */
const anyone = new Agent({ connect: { rejectUnauthorized: false }, allowH2: true });
const startMillis = 30_000;
const nuncioLauncher = join(import.meta.dirname, "../bin/nuncio");
const nuncioMain = join(import.meta.dirname, "../src/server/main.ts");
