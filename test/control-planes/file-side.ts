import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { freePorts, type ProxyProcess, startProxy } from "../differential/process.ts";
import { fileSource, fileText, type Resource, TestResources } from "./test-resources.ts";

/** A proxy whose config is in files of path_config_source in a folder of its own: lds.yaml, rds.yaml, cds.yaml, eds.yaml. */
export class FileSide {
  readonly name: string;
  /** null: not installed. */
  readonly command: string | null;
  readonly folder: string;
  readonly files: TestResources;
  /** Of the listener "main". */
  port = 0;
  /** For a listener that a test adds. */
  otherPort = 0;
  adminPort = 0;
  #process: ProxyProcess | null = null;

  constructor(name: string, command: string | null, root: string) {
    this.name = name;
    this.command = command;
    this.folder = join(root, name);
    this.files = new TestResources(fileSource(this.folder));
  }

  /** With "main" and its routes to cluster "app", whose endpoint is `backendPort`. `more`: over the bootstrap. */
  async start(backendPort: number, more: object = {}): Promise<void> {
    if (this.command === null) return;
    mkdirSync(this.folder);
    [this.port = 0, this.otherPort = 0, this.adminPort = 0] = await freePorts(3);
    const { files } = this;
    this.put("eds", files.endpoints(backendPort));
    this.put("rds", files.routes("1", "app"));
    this.put("cds", files.clusters(["app"]));
    this.put("lds", files.listeners([["main", this.port]]));
    const bootstrap = { ...files.bootstrap(this.adminPort), ...more };
    this.#process = await startProxy(this.command, bootstrap, this.adminPort, this.folder, this.name, "warning");
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** What it printed: warnings and worse. */
  output(): string {
    return this.#process?.output() ?? "";
  }

  /** Moves another file to its place. */
  put(name: string, content: readonly Resource[] | string): void {
    const text = typeof content === "string" ? content : fileText(content);
    const file = join(this.folder, `${name}.yaml`);
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }

  /** The body, or the server field; "" where nobody listens, the status where it is not 200. */
  ask(port = this.port, what: "body" | "server" = "body"): Promise<string> {
    return new Promise((resolve) => {
      get({ host: "127.0.0.1", port, path: "/", agent: false }, (response) => {
        let body = "";
        response.on("data", (data) => (body += data));
        response.on("end", () => {
          if (what === "server") resolve(String(response.headers.server));
          else resolve(response.statusCode === 200 ? body : String(response.statusCode));
        });
      }).on("error", () => resolve(""));
    });
  }

  async admin(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.adminPort}${path}`)).text();
  }

  async stat(name: string): Promise<number> {
    const text = await this.admin(`/stats?filter=^${name.replaceAll(".", "\\.")}$`);
    return Number(/: (\d+)/.exec(text)?.[1] ?? Number.NaN);
  }
}
