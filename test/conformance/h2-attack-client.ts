import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { clientPreface, FrameFlag, FrameType, readUint31, readUint32 } from "../../src/http/h2/frames.ts";
import { frame, settings } from "../../src/http/h2/h2-recorder.ts";
import type { Nuncio } from "../proxy/nuncio.ts";
import type { AttackCase } from "./h2-attack-case.ts";

/** What became of an attacker: on the wire, in the access log and in `http2.*`. */
export interface Outcome {
  /** In the order of the first of each kind: "answered ×2", "RST_STREAM CANCEL", "GOAWAY NO_ERROR, last stream 1", "closed" or "lives". */
  wire: string[];
  /** "0 DPE http2.invalid.header.field ×3". */
  log: string[];
  /** Counters that moved, without "http2.". */
  counters: string[];
}

/** Runs one attack on a connection of its own against a proxy that logs to `log` in its folder. */
export async function attack(one: AttackCase, proxy: Nuncio): Promise<Outcome> {
  const before = await counters(proxy);
  const logSize = readFileSync(logOf(proxy)).length;
  const socket = connect({ port: proxy.port, host: "127.0.0.1", noDelay: true });
  const wire = new Wire(socket);
  if (one.isDeaf !== true) wire.listen();
  await new Promise((resolve) => socket.once("connect", resolve));
  const client = `127.0.0.1:${socket.localPort}`;
  if (one.isBare !== true) {
    socket.write(Buffer.concat([clientPreface, settings(), frame(FrameType.settings, FrameFlag.ack, 0)]));
    // Limits of ours hold once the other side has them.
    if (one.isDeaf !== true) await wire.until(() => wire.hasSettings, 1000);
  }
  for (const bytes of one.bytes) {
    if (socket.destroyed || !socket.writable) break;
    if (!socket.write(bytes)) await Promise.race([wire.closed, drained(socket)]);
  }
  if (one.isDeaf === true) {
    // It has gone too far by now. What the kernel holds still comes, and then the end.
    await sleep(500);
    wire.listen();
  } else if (one.hasOpenBlock !== true && socket.writable) socket.write(frame(FrameType.ping, 0, 0, probe));
  await wire.until(() => wire.isClosed || wire.hasProbe, one.hasOpenBlock === true ? 1200 : 3000);
  await wire.quiet();
  const seen = wire.summary();
  socket.destroy();
  // Logs are written every 50 ms, and workers bring their counts to the main thread as often.
  await sleep(200);
  const after = await counters(proxy);
  return {
    wire: seen,
    log: counted(logLines(proxy, logSize, client)).sort(),
    counters: [...after].filter(([name, value]) => value > (before.get(name) ?? 0)).map(([name]) => name.slice(6)),
  };
}

/** A proxy that reads no more is not waited for. */
function drained(socket: Socket): Promise<unknown> {
  return Promise.race([new Promise((resolve) => socket.once("drain", resolve)), sleep(300)]);
}

/** Follows the frames that come, as far as they say how it ends. */
class Wire {
  hasSettings = false;
  hasProbe = false;
  isClosed = false;
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #events: string[] = [];
  #bytes = Buffer.alloc(0);
  #heardMs = performance.now();

  constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.isClosed = true;
        resolve();
      });
    });
    socket.on("error", () => {});
  }

  listen(): void {
    this.#socket.on("data", (data: Buffer) => this.#read(data));
  }

  async until(isDone: () => boolean, timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!isDone() && !this.isClosed && performance.now() < end) await sleep(5);
  }

  /** Until nothing more comes. */
  async quiet(): Promise<void> {
    this.#heardMs = performance.now();
    while (!this.isClosed && performance.now() - this.#heardMs < 250) await sleep(10);
  }

  summary(): string[] {
    return [...counted(this.#events), this.isClosed ? "closed" : "lives"];
  }

  #read(data: Buffer): void {
    this.#heardMs = performance.now();
    this.#bytes = Buffer.concat([this.#bytes, data]);
    while (this.#bytes.length >= 9) {
      const end = 9 + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < end) return;
      this.#onFrame(this.#bytes[3] as number, this.#bytes[4] as number, this.#bytes.subarray(9, end));
      this.#bytes = this.#bytes.subarray(end);
    }
  }

  #onFrame(type: number, flags: number, payload: Buffer): void {
    if (type === FrameType.settings) this.hasSettings = true;
    if (type === FrameType.ping && payload.equals(probe)) this.hasProbe = true;
    if ((type === FrameType.headers || type === FrameType.data) && (flags & FrameFlag.endStream) !== 0) {
      this.#events.push("answered");
    }
    if (type === FrameType.rstStream) this.#events.push(`RST_STREAM ${codes[readUint32(payload, 0)]}`);
    if (type === FrameType.goAway) {
      this.#events.push(`GOAWAY ${codes[readUint32(payload, 4)]}, last stream ${readUint31(payload, 0)}`);
    }
  }
}

/** One request after the other on one connection that is never to end. */
export class Bystander {
  answered = 0;
  failed = 0;
  #isStopping = false;
  readonly #session: ReturnType<typeof connectHttp2>;
  readonly #loop: Promise<void>;

  constructor(port: number) {
    this.#session = connectHttp2(`http://127.0.0.1:${port}`);
    this.#session.on("error", () => this.failed++);
    this.#session.on("goaway", () => this.failed++);
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#loop;
    this.#session.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#isStopping && !this.#session.closed) {
      if (await this.#ask()) this.answered++;
      else this.failed++;
      await sleep(3);
    }
  }

  #ask(): Promise<boolean> {
    return new Promise((resolve) => {
      const stream = this.#session.request({ ":path": "/good" });
      let body = "";
      stream.on("data", (data) => (body += data));
      stream.on("error", () => {});
      stream.on("close", () => resolve(body === "ok"));
    });
  }
}

async function counters(proxy: Nuncio): Promise<Map<string, number>> {
  const { body } = await proxy.admin("/stats?filter=^http2");
  const lines = body.split("\n").map((line) => line.split(": ") as [string, string]);
  return new Map(
    lines.filter(([name]) => /^http2\.(?!.*(_active|pending|_connections))/.test(name)).map(([n, v]) => [n, +v]),
  );
}

function logOf(proxy: Nuncio): string {
  return `${proxy.folder}/log`;
}

/** Behind the first `from` bytes: ports come again. */
function logLines(proxy: Nuncio, from: number, client: string): string[] {
  const lines = readFileSync(logOf(proxy)).subarray(from).toString().split("\n");
  return lines.filter((line) => line.startsWith(`${client} `)).map((line) => line.slice(client.length + 1));
}

/** Equal ones once, with their number; large numbers depend on how the bytes were cut. */
function counted(texts: readonly string[]): string[] {
  const numbers = new Map<string, number>();
  for (const text of texts) numbers.set(text, (numbers.get(text) ?? 0) + 1);
  return [...numbers].map(([text, count]) => (count === 1 ? text : `${text} ×${count > 20 ? "many" : count}`));
}

const probe = Buffer.from("a probe.");
const codes = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
];
