import type { Socket } from "node:net";
import { expand } from "./bytes.ts";
import { freshSocket } from "./fresh-socket.ts";
import { type Message, readMessage, statusOf } from "./http-text.ts";

/** What one connection carries to the proxy. */
export interface Script {
  /** Wire text (see expand); `{port}` is the backend's. Each element goes out when the former is answered. */
  send: string | readonly string[];
  /** Final answers awaited for each element; by default one per request line found in it. */
  answers?: number;
  /** Bytes per write, each in a turn of its own; the whole element by default. */
  splitBytes?: number;
  /** What the client does after its last byte: half-close, or hold and wait for the proxy to act (at most holdMs). */
  finish?: "half-close" | "hold";
  /** Requests that other connections have sent before, each on its own, and that stay without an answer meanwhile. */
  beside?: readonly string[];
  /** Say it by HTTP/2 (see plainRequest). */
  isHttp2?: boolean;
  /** How long to wait for what never comes. Default 1500. */
  holdMs?: number;
}

/** What came back. */
export interface Received {
  messages: Message[];
  /** Bytes after the last message: a tunnel's, or what is no HTTP. */
  rest: string;
  /** `open` when the proxy kept the connection after its answer. */
  ending: "open" | "fin" | "reset";
  /** This connection's own port, by which its access log lines are found. */
  localPort: number;
}

/** Plays the script on a fresh connection and reads until all is answered, the proxy closes, or time is up. */
export async function play(port: number, script: Script): Promise<Received> {
  const steps = typeof script.send === "string" ? [script.send] : script.send;
  const others: Socket[] = [];
  for (const text of script.beside ?? []) {
    const other = await open(port);
    others.push(other.on("error", () => other.destroy()).resume());
    await write(other, text, text.length);
    await new Promise((resolve) => setTimeout(resolve, besideMs));
  }
  const reader = new Reader(await open(port));
  let expected = 0;
  for (const step of steps) {
    const text = expand(step);
    const lines = [...text.matchAll(/^([A-Z-]+) \S+ HTTP\/\d\.\d\r$/gm)];
    if (!reader.isTunnel()) for (const [, method = ""] of lines) reader.methods.push(method);
    expected += reader.isTunnel() ? 0 : (script.answers ?? Math.max(1, lines.length));
    await write(reader.socket, text, script.splitBytes ?? text.length);
    if (reader.isTunnel()) await reader.until(() => reader.rest().length >= text.length, 1000);
    else if (script.finish === undefined) await reader.until(() => reader.finals() >= expected, script.holdMs ?? 1500);
  }
  if (script.finish === "half-close") reader.socket.end();
  if (script.finish !== undefined) await reader.until(() => false, script.holdMs ?? 1500);
  await reader.until(() => false, reader.announcesClose() ? 2500 : 60);
  const received = reader.received();
  for (const socket of [reader.socket, ...others]) socket.destroy();
  return received;
}

class Reader {
  socket: Socket;
  methods: string[] = [];
  text = "";
  ending: Received["ending"] = "open";
  localPort: number;
  wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    this.localPort = socket.localPort ?? 0;
    socket.setEncoding("latin1");
    socket.on("data", (data: string) => {
      this.text += data;
      this.wake();
    });
    socket.on("end", () => this.end("fin"));
    socket.on("error", () => this.end("reset"));
  }

  end(how: "fin" | "reset"): void {
    if (this.ending === "open") this.ending = how;
    this.wake();
  }

  /** Resolves when `isDone`, at the end of the connection, or after `limitMs`. */
  until(isDone: () => boolean, limitMs: number): Promise<void> {
    if (isDone() || this.ending !== "open") return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(finish, limitMs);
      this.wake = () => {
        if (isDone() || this.ending !== "open") finish();
      };
    });
  }

  finals(): number {
    return this.read().messages.filter((message) => message.complete && isFinal(message)).length;
  }

  isTunnel(): boolean {
    return this.read().messages.some((message, index) => this.opensTunnel(message, index));
  }

  rest(): string {
    return this.read().rest;
  }

  announcesClose(): boolean {
    return this.read().messages.some((message) =>
      message.headers.some(([name, value]) => /^connection$/i.test(name) && /close/i.test(value)),
    );
  }

  received(): Received {
    return { ...this.read(), ending: this.ending, localPort: this.localPort };
  }

  read(): { messages: Message[]; rest: string } {
    const messages: Message[] = [];
    let at = 0;
    let finals = 0;
    while (at < this.text.length) {
      const bodyless = this.methods[finals] === "HEAD";
      const message = readMessage(this.text, at, { kind: "response", bodyless, ended: this.ending === "fin" });
      if (message === null || !/^HTTP\/\d/.test(message.line)) break;
      messages.push(message);
      at += message.length;
      if (this.opensTunnel(message, finals)) break;
      if (isFinal(message)) finals++;
    }
    return { messages, rest: this.text.slice(at) };
  }

  opensTunnel(message: Message, index: number): boolean {
    const status = statusOf(message);
    return status === 101 || (this.methods[index] === "CONNECT" && status === 200);
  }
}

function isFinal(message: Message): boolean {
  const status = statusOf(message);
  return status === 101 || status >= 200;
}

function open(port: number): Promise<Socket> {
  return freshSocket(port, { allowHalfOpen: true });
}

async function write(socket: Socket, text: string, splitBytes: number): Promise<void> {
  for (let at = 0; at < text.length; at += Math.max(1, splitBytes)) {
    if (at > 0) await new Promise((resolve) => setTimeout(resolve, 2));
    if (!socket.destroyed) socket.write(text.slice(at, at + Math.max(1, splitBytes)), "latin1");
  }
}

/** For a request to reach the backend before the next one starts. */
const besideMs = 80;
