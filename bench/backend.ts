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

/** Where it listens, by what it speaks. Node speaks HTTP/1.1 alone. */
export interface BackendPorts {
  http1: number;
  http2: number;
}

/** Starts the backend on the load's core. It answers any path with a small body, /body-64k and /body-1m with that much. */
export function startBackend(folder: string, ports: BackendPorts): Backend {
  mkdirSync(folder, { recursive: true });
  const nginx = peer("nginx");
  if (nginx === null) {
    const program = fileURLToPath(new URL("./node-backend.ts", import.meta.url));
    return {
      kind: "node",
      child: startChild(process.execPath, [program, String(ports.http1)], loadCore, join(folder, "log")),
    };
  }
  for (const [path, bytes] of Object.entries(bodyBytes)) writeFileSync(join(folder, path), Buffer.alloc(bytes, "x"));
  mkdirSync(join(folder, "bench.Echo"), { recursive: true });
  writeFileSync(join(folder, "bench.Echo", "Call"), grpcMessage);
  const config = join(folder, "nginx.conf");
  writeFileSync(config, nginxBackendConfig(folder, ports, folder, smallBody));
  return { kind: "nginx", child: startChild(nginx, ["-p", folder, "-c", config], loadCore, join(folder, "log")) };
}

/** 100 bytes, as many an API's answer. */
const smallBody = "x".repeat(100);
/** A gRPC message of 20 bytes. */
export const grpcMessage = Buffer.concat([Buffer.from([0, 0, 0, 0, 20]), Buffer.alloc(20, "x")]);
const bodyBytes = { "body-64k": 64 * 1024, "body-1m": 1024 * 1024 };
