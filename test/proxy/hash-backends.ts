import { createServer, type Server } from "node:http";
import { connect } from "node:net";

/** Backends at 127.0.1.1, 127.0.1.2, …, all on one port, each of which answers with its number: "<3>". */
export class NumberedBackends {
  port = 0;
  /** Requests for /hold… that wait for their answer, as they came. */
  held: { host: number; release: () => void }[] = [];
  /** Who answered 503 to requests for /fail…, in order. */
  failed: number[] = [];
  readonly #servers: Server[] = [];

  async listen(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const server = createServer((request, response) => {
        response.setHeader("content-type", "text/plain");
        if (request.url?.startsWith("/fail") === true) {
          this.failed.push(i);
          response.statusCode = 503;
        }
        if (request.url?.startsWith("/hold") === true) {
          this.held.push({ host: i, release: () => response.end("held") });
          return;
        }
        response.end(`<${i}>${request.url}`);
      });
      this.#servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(this.port, hostOf(i), resolve);
      });
      const address = server.address();
      if (i === 0 && address !== null && typeof address === "object") this.port = address.port;
    }
  }

  close(): void {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  /** The lb_endpoint of a backend. */
  endpoint(i: number, endpoint: object = {}, more: object = {}): object {
    const address = { socket_address: { address: hostOf(i), port_value: this.port } };
    return { endpoint: { address, ...endpoint }, ...more };
  }
}

/** What each of these requests was answered, in order, all sent on one connection at once: head and body. */
export function pipeline(port: number, requests: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    const answers: string[] = [];
    socket.setTimeout(60_000, () => socket.destroy(new Error(`only ${answers.length} answers: ${text}`)));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`closed after ${answers.length} answers, the last ${answers.at(-1)}`)));
    socket.on("data", (data) => {
      text += data.toString("latin1");
      for (let end = endOf(text); end > 0; end = endOf(text)) {
        answers.push(text.slice(0, end));
        text = text.slice(end);
      }
      if (answers.length < requests.length) return;
      resolve(answers);
      socket.destroy();
    });
    socket.write(requests.join(""), "latin1");
  });
}

/** A GET as text; `fields` are whole lines. */
export function get(path: string, ...fields: string[]): string {
  return `GET ${path} HTTP/1.1\r\nhost: a.example\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`;
}

/** The number in an answer, or its status. */
export function numberIn(answer: string): string {
  return /\r\n\r\n<(\d+)>/.exec(answer)?.[1] ?? answer.slice(9, 12);
}

function endOf(text: string): number {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return -1;
  const length = Number(/content-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0);
  if (/transfer-encoding: chunked/i.test(text.slice(0, head))) throw new Error("chunked answers are not read");
  return text.length >= head + 4 + length ? head + 4 + length : -1;
}

function hostOf(i: number): string {
  return `127.0.1.${i + 1}`;
}
