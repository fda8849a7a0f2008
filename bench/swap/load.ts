import { once } from "node:events";
import { Agent, get } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { get as getByTls } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";

// The load of `bench swap`, a process of its own: node load.ts HTTP-PORT HTTPS-PORT. It runs until its stdin ends; each line on stdin
// is answered by a line of what happened since the last: a Tally in JSON.

/** What happened to one kind of client. */
export interface Tally {
  answered: number;
  failed: number;
  /** First reason of a failure. */
  reason: string;
  /** From when a request was due to its whole answer. */
  p50Millis: number;
  p99Millis: number;
}

/** The kinds of clients. */
export const kinds = ["HTTP/1.1 keep-alive", "HTTP/2 streams", "new TLS connections", "WebSocket", "download"] as const;
export type Kind = (typeof kinds)[number];

/** The size of the download, which takes its reader as long as the load runs. */
export const downloadBytes = 256 * 1024 * 1024;

class Counts {
  answered = 0;
  failed = 0;
  reason = "";
  #millis: number[] = [];

  answer(millis: number): void {
    this.answered++;
    this.#millis.push(millis);
  }

  fail(reason: unknown): void {
    this.failed++;
    this.reason ||= String(reason);
  }

  take(): Tally {
    const millis = this.#millis.sort((a, b) => a - b);
    const at = (part: number): number => Math.round((millis[Math.floor(millis.length * part)] ?? 0) * 100) / 100;
    const tally = {
      answered: this.answered,
      failed: this.failed,
      reason: this.reason,
      p50Millis: at(0.5),
      p99Millis: at(0.99),
    };
    this.answered = this.failed = 0;
    this.reason = "";
    this.#millis = [];
    return tally;
  }
}

async function main(httpPort: number, httpsPort: number): Promise<void> {
  const counts = Object.fromEntries(kinds.map((kind) => [kind, new Counts()])) as Record<Kind, Counts>;
  let isOver = false;
  const whileOn = async (everyMillis: number, of: Counts, step: () => Promise<void>) => {
    for (
      let due = performance.now() + Math.random() * everyMillis;
      !isOver;
      due = Math.max(due + everyMillis, performance.now() - 1000)
    ) {
      await sleep(Math.max(0, due - performance.now()));
      try {
        await step();
        of.answer(performance.now() - due);
      } catch (error) {
        of.fail(error);
      }
    }
  };
  const running: Promise<void>[] = [];
  for (let i = 0; i < 8; i++) {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    running.push(whileOn(20, counts["HTTP/1.1 keep-alive"], () => ask(get, { port: httpPort, agent })));
  }
  for (let i = 0; i < 2; i++) {
    const client = new Http2Client(httpPort);
    for (let j = 0; j < 4; j++) running.push(whileOn(40, counts["HTTP/2 streams"], () => client.ask()));
  }
  running.push(
    whileOn(50, counts["new TLS connections"], () =>
      ask(getByTls as typeof get, { port: httpsPort, agent: false, rejectUnauthorized: false }),
    ),
  );
  const echo = await openWebSocket(httpPort);
  running.push(whileOn(50, counts.WebSocket, echo));
  running.push(download(httpPort, counts.download, () => isOver));
  process.stdin.on("data", () => {
    const tallies = Object.fromEntries(kinds.map((kind) => [kind, counts[kind].take()]));
    process.stdout.write(`${JSON.stringify(tallies)}\n`);
  });
  console.log("ready");
  await once(process.stdin, "end");
  isOver = true;
  await Promise.race([Promise.all(running), sleep(5_000)]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(kinds.map((kind) => [kind, counts[kind].take()])))}\n`);
  process.exit(0);
}

function ask(how: typeof get, options: object): Promise<void> {
  return new Promise((resolve, reject) => {
    how({ host: "127.0.0.1", path: "/", ...options }, (response) => {
      response.resume();
      response.on("end", () => {
        if (response.statusCode === 200 && response.complete) resolve();
        else reject(new Error(`status ${response.statusCode}`));
      });
      response.on("error", reject);
    }).on("error", reject);
  });
}

/** One connection at a time; another when the server says that it goes away. */
class Http2Client {
  readonly #port: number;
  #session: ClientHttp2Session | null = null;

  constructor(port: number) {
    this.#port = port;
  }

  ask(): Promise<void> {
    const session = (this.#session ??= this.#open());
    return new Promise((resolve, reject) => {
      const stream = session.request({ ":path": "/", ":authority": "a" });
      let status = 0;
      stream.on("response", (head) => (status = Number(head[":status"])));
      stream.resume();
      stream.on("error", reject);
      stream.on("close", () => (status === 200 ? resolve() : reject(new Error(`HTTP/2 status ${status}`))));
      stream.end();
    });
  }

  #open(): ClientHttp2Session {
    const session = connectHttp2(`http://127.0.0.1:${this.#port}`);
    const leave = () => {
      if (this.#session === session) this.#session = null;
    };
    session.on("goaway", leave);
    session.on("close", leave);
    session.on("error", leave);
    return session;
  }
}

/** Gives what sends a message and waits for its echo. */
async function openWebSocket(port: number): Promise<() => Promise<void>> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/echo`);
  socket.on("error", () => {});
  await once(socket, "open");
  let next = 0;
  return async () => {
    const text = String(next++);
    if (socket.readyState !== WebSocket.OPEN) throw new Error("the WebSocket was closed");
    const signal = AbortSignal.timeout(5_000);
    const echoed = once(socket, "message", { signal });
    socket.send(text);
    const [data] = await echoed;
    if (String(data) !== text) throw new Error(`the echo of ${text} is ${data}`);
  };
}

/** Reads a little at a time; an answer for each piece, a failure when it ends before all of it came. */
function download(port: number, counts: Counts, isOver: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path: "/download", agent: false }, async (response) => {
      try {
        let bytes = 0;
        for await (const piece of response) {
          bytes += (piece as Buffer).length;
          counts.answer(0);
          await sleep(10);
          if (isOver()) break;
        }
        if (!isOver() && bytes < downloadBytes) counts.fail(`the download ended at ${bytes}`);
      } catch (error) {
        if (!isOver()) counts.fail(error);
      }
      request.destroy();
      resolve();
    });
    request.on("error", (error) => {
      if (!isOver()) counts.fail(error);
      resolve();
    });
  });
}

if (import.meta.main) await main(Number(process.argv[2]), Number(process.argv[3]));
