import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { peer } from "../test/peers.ts";
import { type Child, startChild } from "./children.ts";
import { nginxBackendConfig } from "./configs/nginx.ts";
import { loadCore } from "./proxies.ts";

/** What answers behind every proxy: nginx, or Node where nginx is not installed. */
export interface Backend {
  kind: "nginx" | "node";
  child: Child;
}

/** Starts the backend on the load's core. It answers any path with a small body, /body-64k and /body-1m with that much. */
export function startBackend(folder: string, port: number): Backend {
  mkdirSync(folder, { recursive: true });
  const nginx = peer("nginx");
  if (nginx === null) {
    const program = fileURLToPath(new URL("./node-backend.ts", import.meta.url));
    return {
      kind: "node",
      child: startChild(process.execPath, [program, String(port)], loadCore, join(folder, "log")),
    };
  }
  for (const [path, bytes] of Object.entries(bodyBytes)) writeFileSync(join(folder, path), Buffer.alloc(bytes, "x"));
  const config = join(folder, "nginx.conf");
  writeFileSync(config, nginxBackendConfig(folder, port, folder, smallBody));
  return { kind: "nginx", child: startChild(nginx, ["-p", folder, "-c", config], loadCore, join(folder, "log")) };
}

/** 100 bytes, as many an API's answer. */
const smallBody = "x".repeat(100);
const bodyBytes = { "body-64k": 64 * 1024, "body-1m": 1024 * 1024 };
