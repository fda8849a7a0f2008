import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Kind, Tally } from "./load.ts";

/** The process of load.ts. */
export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(ports: readonly number[]) {
    this.#child = spawn(
      process.execPath,
      [fileURLToPath(new URL("./load.ts", import.meta.url)), ...ports.map(String)],
      {
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    this.#lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  /** Settles when all its clients are there. */
  static async start(ports: readonly number[]): Promise<LoadProcess> {
    const load = new LoadProcess(ports);
    await load.#next();
    return load;
  }

  /** What happened since the last time. */
  async take(): Promise<Record<Kind, Tally>> {
    this.#child.stdin?.write("\n");
    return JSON.parse(await this.#next()) as Record<Kind, Tally>;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.stdin?.end();
    await gone;
  }

  async #next(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the load ended by itself");
    return value;
  }
}
