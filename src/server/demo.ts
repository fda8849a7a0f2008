import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";

/** The demo's bootstrap with ports that are free, its backend already answering. */
export interface Demo {
  yaml: string;
  ports: DemoPorts;
  /** One line for each port that was taken and what is used instead. */
  notes: string[];
  close(): void;
}

export interface DemoPorts {
  listener: number;
  admin: number;
  backend: number;
}

/** Starts the demo backend and makes the bootstrap: examples/demo.yaml, other ports where those are taken. */
export async function startDemo(yaml = readFileSync(demoFile, "utf8"), wanted = demoPorts): Promise<Demo> {
  const notes: string[] = [];
  const free = async (what: string, port: number) => {
    const found = await nextFreePort(port);
    if (found !== port) notes.push(`port ${port} (${what}) is taken, using ${found}`);
    return found;
  };
  const ports = {
    listener: await free("listener", wanted.listener),
    admin: await free("admin", wanted.admin),
    backend: await free("backend", wanted.backend),
  };
  const backend = await startBackend(ports.backend);
  return { yaml: withPorts(yaml, ports), ports, notes, close: () => backend.close() };
}

/** The six lines that tell a newcomer what runs. */
export function demoBanner(ports: DemoPorts): string {
  const proxy = `http://127.0.0.1:${ports.listener}`;
  return [
    `listening  ${proxy}  (examples/demo.yaml)`,
    `admin      http://127.0.0.1:${ports.admin}`,
    "routes     /hello answered here, /old redirected, /api/* rewritten to /v1/*, all else passed on",
    `clusters   backend: the demo's own server on 127.0.0.1:${ports.backend}`,
    `try        curl -i ${proxy}/api/items`,
    "stop       Ctrl-C drains and exits, twice exits at once",
  ].join("\n");
}

/** The file with its port numbers replaced; each stands there once as `port_value: N`. */
function withPorts(yaml: string, ports: DemoPorts): string {
  return yaml
    .replace(`port_value: ${demoPorts.listener} `, `port_value: ${ports.listener} `)
    .replace(`port_value: ${demoPorts.admin} `, `port_value: ${ports.admin} `)
    .replace(`port_value: ${demoPorts.backend} `, `port_value: ${ports.backend} `);
}

/** `port` or the first one after it that nobody listens on at 127.0.0.1. */
async function nextFreePort(port: number): Promise<number> {
  for (let candidate = port; candidate < port + 100; candidate++) {
    if (await isFree(candidate)) return candidate;
  }
  throw new Error(`no free port from ${port} to ${port + 99}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: "127.0.0.1", port }, () => probe.close(() => resolve(true)));
  });
}

/** Tells what it was asked, so that the proxy's work can be seen. */
function startBackend(port: number): Promise<{ close(): void }> {
  const server = createHttpServer((request, response) => {
    const lines = Object.entries(request.headers).map(([name, value]) => `  ${name}: ${value}`);
    response.setHeader("content-type", "text/plain");
    request.resume().on("end", () => {
      response.end(`backend saw ${request.method} ${request.url}\n${lines.join("\n")}\n`);
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port }, () => {
      resolve({
        close() {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}

const demoFile = new URL("../../examples/demo.yaml", import.meta.url);
const demoPorts: DemoPorts = { listener: 10_000, admin: 9901, backend: 10_080 };
