import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { freePorts } from "./differential/process.ts";

/** A Redis of its own process, in memory alone, and a connection to it. */
export class Redis {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #waiting: ((count: number) => void)[] = [];
  #text = "";

  private constructor(child: ChildProcess, socket: Socket) {
    this.#child = child;
    this.#socket = socket;
    socket.setEncoding("latin1").on("data", (text: string) => this.#onText(text));
  }

  /** `program`: where redis-server is. */
  static async start(program: string): Promise<Redis> {
    const [port = 0] = await freePorts(1);
    const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    const child = spawn(program, options, { stdio: "ignore" });
    for (let i = 0; ; i++) {
      const socket = connect(port, "127.0.0.1");
      const isThere = await once(socket, "connect").then(
        () => true,
        () => false,
      );
      if (isThere) return new Redis(child, socket);
      if (i === 200 || child.exitCode !== null) throw new Error("redis-server did not become ready");
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Counts one more under a key; the count. */
  increment(key: string): Promise<number> {
    this.#socket.write(`*2\r\n$4\r\nINCR\r\n$${Buffer.byteLength(key)}\r\n${key}\r\n`);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async stop(): Promise<void> {
    this.#socket.destroy();
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await gone;
  }

  #onText(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf("\r\n"); end >= 0; end = this.#text.indexOf("\r\n")) {
      this.#waiting.shift()?.(Number(this.#text.slice(1, end)));
      this.#text = this.#text.slice(end + 2);
    }
  }
}
