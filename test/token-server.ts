import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** What a token server was asked. */
export interface TokenQuestion {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Grants tokens for tests: what `answer` says of each question. */
export interface TokenServer {
  port: number;
  questions: TokenQuestion[];
  close(): void;
}

/** An answer without a body closes the connection in the middle. */
export async function startTokenServer(
  answer: (question: TokenQuestion, number: number) => { status: number; body: string | null },
): Promise<TokenServer> {
  const questions: TokenQuestion[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const question = { path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString() };
    const { status, body } = answer(question, questions.push(question) - 1);
    response.writeHead(status, { "content-length": body === null ? 9 : Buffer.byteLength(body) });
    if (body === null) response.write("half", () => response.destroy());
    else response.end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    questions,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A token that tells what it was asked for with. */
export function tellingToken({ path, headers, body }: TokenQuestion): { status: number; body: string } {
  const asked = Object.entries(headers).sort();
  const token = encodeURIComponent(JSON.stringify([path, asked, body]));
  return { status: 200, body: JSON.stringify({ access_token: token, expires_in: 3600 }) };
}
