import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** What one client of the load met. */
interface Client {
  answered: number;
  /** Requests that were sent and got no whole answer. */
  failed: number;
  /** Connections that nobody took: the listener was closed. */
  refused: number;
}

/** A steady load of small requests by raw sockets: every request sent is answered, failed, or its connection was refused. */
export class Load {
  readonly clients: Client[] = [];
  readonly #port: number;
  readonly #isTls: boolean;
  readonly #done: Promise<void>[] = [];
  #isStopping = false;

  /** `keepAlive` clients use a connection until it closes, `newConnection` ones a new one for each request. */
  constructor(port: number, counts: { keepAlive: number; newConnection: number }, isTls = false) {
    this.#port = port;
    this.#isTls = isTls;
    for (let i = 0; i < counts.keepAlive; i++) this.#start(true);
    for (let i = 0; i < counts.newConnection; i++) this.#start(false);
  }

  sum(what: keyof Client): number {
    return this.clients.reduce((sum, client) => sum + client[what], 0);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#done);
  }

  #start(keepsAlive: boolean): void {
    const client: Client = { answered: 0, failed: 0, refused: 0 };
    this.clients.push(client);
    this.#done.push(this.#run(client, keepsAlive));
  }

  async #run(client: Client, keepsAlive: boolean): Promise<void> {
    while (!this.#isStopping) {
      const socket = await open(this.#port, this.#isTls);
      if (socket === null) {
        client.refused++;
        return;
      }
      let mayGoOn = true;
      while (mayGoOn && !this.#isStopping) {
        const answer = await ask(socket, keepsAlive);
        if (answer === "failed") client.failed++;
        else client.answered++;
        mayGoOn = keepsAlive && answer === "open";
      }
      socket.destroy();
    }
  }
}

function open(port: number, isTls: boolean): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = isTls
      ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
      : connect(port, "127.0.0.1");
    socket.once(isTls ? "secureConnect" : "connect", () => resolve(socket));
    socket.on("error", () => resolve(null));
  });
}

/** One exchange; "failed" unless a whole 200 with a body of its Content-Length came. */
function ask(socket: Socket, keepsAlive: boolean): Promise<"open" | "closing" | "failed"> {
  return new Promise((resolve) => {
    let text = "";
    const end = (result: "open" | "closing" | "failed") => {
      socket.off("data", onData);
      socket.off("close", onClose);
      resolve(result);
    };
    const onClose = () => end("failed");
    const onData = (data: Buffer) => {
      text += data.toString("latin1");
      const headEnd = text.indexOf("\r\n\r\n");
      if (headEnd < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
      if (text.length < headEnd + 4 + length) return;
      if (!text.startsWith("HTTP/1.1 200")) end("failed");
      else end(/connection: close/i.test(text.slice(0, headEnd)) ? "closing" : "open");
    };
    socket.on("data", onData);
    socket.once("close", onClose);
    if (socket.destroyed) end("failed");
    else socket.write(`GET / HTTP/1.1\r\nHost: a\r\n${keepsAlive ? "" : "Connection: close\r\n"}\r\n`);
  });
}
