import { createServer, type Server, type Socket } from "node:net";
import { expand, unescapeBytes } from "./bytes.ts";
import { type Field, fieldValue, type Message, readMessage } from "./http-text.ts";

/** One request as the backend saw it. */
export interface Seen {
  line: string;
  headers: Field[];
  body: string;
  trailers: Field[];
  /** False when the connection ended or the case was over before the body was whole. */
  complete: boolean;
  /** Which of the connections used since the last take(), in order of first use. */
  connection: number;
  /** The address it came to. */
  host: string;
}

/** A raw HTTP/1.1 server that records what it gets and answers as the request's `x-do` field says. */
export interface Backend {
  port: number;
  /** The requests since the last call, unfinished ones included. */
  take(): Seen[];
  close(): Promise<void>;
}

/**
 * Starts a backend on a free loopback port. Words of `x-do`, each percent-encoded where needed:
 * status:N, size:N, header:name=value, chunked, trailer:name=value, echo, close (after the answer), length:N (what is claimed),
 * drop (FIN before an answer), reset (RST before an answer), cut (half of the body, then FIN), delay:MS, silent, early (answer at the head),
 * continue (send 100 first), interim:N (send that 1xx first), upgrade (101, then echo), raw:BYTES.
 * " | " stands between what is done at the first, the second ... request since the last take(); the last goes for all after it.
 * All of 127.0.0.0/8 leads here, so that one backend can be several hosts.
 */
export async function startBackend(): Promise<Backend> {
  const connections = new Set<Connection>();
  const state: State = { seen: [], used: [], greeted: 0 };
  const server = createServer({ noDelay: true }, (socket) => {
    const connection = new Connection(socket, state);
    connections.add(connection);
    socket.on("close", () => connections.delete(connection));
  });
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  return {
    port: portOf(server),
    take: () => {
      for (const connection of connections) connection.recordUnfinished();
      const seen = state.seen;
      state.seen = [];
      state.used = [];
      state.greeted = 0;
      return seen;
    },
    close: () => {
      for (const connection of connections) connection.socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface State {
  seen: Seen[];
  used: Connection[];
  /** Requests begun since the last take(). */
  greeted: number;
}

class Connection {
  socket: Socket;
  state: State;
  host: string;
  text = "";
  isTunnel = false;
  isAnswered = false;
  isRecorded = false;
  greeted = false;
  /** Which of the requests since the last take() the current one is, from 0. */
  order = 0;

  constructor(socket: Socket, state: State) {
    this.socket = socket;
    this.state = state;
    this.host = socket.localAddress ?? "";
    socket.setEncoding("latin1");
    socket.on("data", (data: string) => this.onData(data));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.recordUnfinished());
  }

  onData(data: string): void {
    if (this.isTunnel) {
      this.socket.write(data, "latin1");
      return;
    }
    this.text += data;
    for (;;) {
      const message = readMessage(this.text, 0, { kind: "request", bodyless: false, ended: false });
      if (message === null || this.isTunnel) return;
      if (!this.greeted) this.order = this.state.greeted++;
      const words = wordsOf(message, this.order);
      this.greet(words);
      if (words.has("early") && !this.isAnswered) this.answer(message, words);
      if (!message.complete) return;
      this.record(message);
      this.text = this.text.slice(message.length);
      if (!this.isAnswered) this.answer(message, words);
      this.isAnswered = false;
      this.isRecorded = false;
      this.greeted = false;
    }
  }

  recordUnfinished(): void {
    const message = readMessage(this.text, 0, { kind: "request", bodyless: false, ended: false });
    if (message === null || this.isTunnel || this.isRecorded) return;
    this.record(message);
    // It belongs to the case that is over, even if it is completed later.
    this.isRecorded = true;
  }

  record(message: Message): void {
    if (this.isRecorded) return;
    const { line, headers, body, trailers, complete } = message;
    let connection = this.state.used.indexOf(this);
    if (connection < 0) connection = this.state.used.push(this) - 1;
    this.state.seen.push({ line, headers, body, trailers, complete, connection, host: this.host });
  }

  greet(words: Words): void {
    if (this.greeted) return;
    this.greeted = true;
    if (words.has("continue")) this.write("HTTP/1.1 100 Continue\r\n\r\n");
    const interim = words.get("interim");
    if (interim !== undefined) this.write(`HTTP/1.1 ${interim} Interim\r\nx-interim: yes\r\n\r\n`);
  }

  answer(message: Message, words: Words): void {
    this.isAnswered = true;
    const delayMs = Number(words.get("delay") ?? 0);
    if (delayMs > 0) setTimeout(() => this.answerNow(message, words), delayMs);
    else this.answerNow(message, words);
  }

  answerNow(message: Message, words: Words): void {
    if (words.has("silent") || this.socket.destroyed) return;
    if (words.has("drop")) this.socket.end();
    else if (words.has("reset")) this.socket.resetAndDestroy();
    else if (words.has("upgrade")) {
      this.isTunnel = true;
      const protocol = fieldValue(message.headers, "upgrade") ?? "none";
      this.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\n\r\n`);
    } else {
      this.write(words.has("raw") ? expand(words.get("raw") ?? "") : answerText(message, words));
      if (words.has("close") || words.has("cut")) this.socket.end();
    }
  }

  write(text: string): void {
    if (!this.socket.destroyed) this.socket.write(text, "latin1");
  }
}

/** The words of `x-do`; fields and trailers are kept under `header` and `trailer` as whole lines. */
type Words = Map<string, string>;

function wordsOf(message: Message, order: number): Words {
  const words: Words = new Map();
  const scripts = (fieldValue(message.headers, "x-do") ?? "").split(" | ");
  for (const word of (scripts[Math.min(order, scripts.length - 1)] ?? "").split(" ")) {
    const colon = word.indexOf(":");
    const name = colon < 0 ? word : word.slice(0, colon);
    const value = colon < 0 ? "" : unescapeBytes(word.slice(colon + 1));
    const isLine = name === "header" || name === "trailer";
    words.set(name, isLine ? `${words.get(name) ?? ""}${value.replace("=", ": ")}\r\n` : value);
  }
  return words;
}

function answerText(message: Message, words: Words): string {
  const status = words.get("status") ?? "200";
  const body = bodyOf(message, words);
  const fields = words.get("header") ?? "";
  const isHead = message.line.startsWith("HEAD ");
  if (words.has("trailer") || words.has("chunked")) {
    const half = Math.ceil(body.length / 2);
    const chunks = [body.slice(0, half), body.slice(half)].filter((chunk) => chunk.length > 0);
    const sent = (words.has("cut") ? chunks.slice(0, 1) : chunks).map(
      (chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`,
    );
    const last = words.has("cut") ? "" : `0\r\n${words.get("trailer") ?? ""}\r\n`;
    return `HTTP/1.1 ${status} Reason\r\n${fields}transfer-encoding: chunked\r\n\r\n${isHead ? "" : sent.join("") + last}`;
  }
  const isEmpty = status === "204" || status === "304";
  const length = isEmpty ? "" : `content-length: ${words.get("length") ?? body.length}\r\n`;
  const sent = words.has("cut") ? body.slice(0, Math.floor(body.length / 2)) : body;
  return `HTTP/1.1 ${status} Reason\r\n${fields}${length}\r\n${isHead || isEmpty ? "" : sent}`;
}

function bodyOf(message: Message, words: Words): string {
  if (words.has("echo")) return JSON.stringify({ line: message.line, headers: message.headers, body: message.body });
  const size = words.get("size");
  return size === undefined ? "ok" : "x".repeat(Number(size));
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the backend has no TCP port");
  return address.port;
}
