import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { SocketAddress } from "../../net/address.ts";
import { nodePath, removeLeftSocket } from "../../net/bind.ts";
import { type AdminReply, text } from "./endpoint.ts";
import { endpoints } from "./endpoints.ts";
import { helpText } from "./help.ts";
import type { AdminState } from "./state.ts";

/** The admin interface. It lives on the main thread, so a busy worker never delays it. */
export class AdminServer {
  private readonly server: Server;

  constructor(state: AdminState) {
    this.server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 30_000 }, (request, response) => {
      void answer(request, response, state);
    });
  }

  /** Binds and settles with the address, its port chosen by the kernel where 0 was asked for. */
  listen(address: SocketAddress): Promise<SocketAddress> {
    return new Promise((resolve, reject) => {
      this.server.once("error", reject);
      const bound = () => {
        this.server.off("error", reject);
        const got = this.server.address();
        const port = typeof got === "object" && got !== null ? got.port : address.port;
        resolve({ ...address, port });
      };
      if (address.path === null) this.server.listen({ host: address.host, port: address.port }, bound);
      else {
        removeLeftSocket(address.path);
        this.server.listen({ path: nodePath(address.path) }, bound);
      }
    });
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, state: AdminState): Promise<void> {
  const reply = await route(request, state).catch((error: unknown) => {
    return text(`${error instanceof Error ? error.message : String(error)}\n`, 500);
  });
  // Envoy sends neither Connection nor Keep-Alive; Node still closes where the client asked for it.
  response.removeHeader("connection");
  response.writeHead(reply.status, {
    "content-type": reply.contentType,
    "cache-control": "no-cache, max-age=0",
    "x-content-type-options": "nosniff",
    date: new Date().toUTCString(),
    server: "envoy",
    "transfer-encoding": "chunked",
  });
  if (typeof reply.body === "string" || Buffer.isBuffer(reply.body)) response.end(reply.body);
  else reply.body.pipe(response);
}

async function route(request: IncomingMessage, state: AdminState): Promise<AdminReply> {
  const target = request.url ?? "/";
  const queryStart = target.indexOf("?");
  const rawPath = queryStart < 0 ? target : target.slice(0, queryStart);
  // Envoy merges slashes here; Envoy Gateway's shutdown manager asks for "//stats".
  const path = rawPath.replace(/\/{2,}/g, "/");
  const method = request.method ?? "GET";
  const endpoint = endpoints.find((candidate) => candidate.path === path);
  if (endpoint === undefined) return text(`invalid path. ${helpText(endpoints)}`, 404);
  if (endpoint.mutates && method !== "POST") return text(`Method ${method} not allowed, POST required.`, 405);
  const query = parseQuery(queryStart < 0 ? "" : target.slice(queryStart + 1));
  const body = method === "POST" ? await readBody(request) : "";
  const isForm = request.headers["content-type"] === "application/x-www-form-urlencoded" && !endpoint.takesBody;
  if (isForm) for (const [name, value] of parseQuery(body)) if (!query.has(name)) query.set(name, value);
  return endpoint.handle({ query, method, body: isForm ? "" : body }, state);
}

/** The first value of each parameter. "+" stays a plus, as in Envoy: only percent signs are decoded. */
function parseQuery(text: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const part of text.split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    if (!query.has(name)) query.set(name, equals < 0 ? "" : decode(part.slice(equals + 1)));
  }
  return query;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = "";
  request.setEncoding("utf8");
  for await (const chunk of request) {
    body += chunk;
    if (body.length > maxBodyChars) break;
  }
  return body;
}

const maxBodyChars = 1 << 20;
