import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { SocketAddress } from "../../net/address.ts";
import { nodePath, removeLeftSocket } from "../../net/bind.ts";
import type { AdminRequestStats, AdminStats } from "./admin-stats.ts";
import { type AdminReply, text } from "./endpoint.ts";
import { endpoints } from "./endpoints.ts";
import { helpText } from "./help.ts";
import type { AdminState } from "./state.ts";

/** The admin interface. It lives on the main thread, so a busy worker never delays it. */
export class AdminServer {
  private readonly server: Server;

  constructor(state: AdminState, stats: AdminStats) {
    const options = { keepAliveTimeout: 60_000, requestTimeout: 30_000, requireHostHeader: false };
    this.server = createServer(options, (request, response) => {
      const counted = stats.onRequest(request.socket);
      response.on("close", () => counted.onEnd(response.writableFinished, !response.shouldKeepAlive));
      void answer(request, response, counted, state);
    });
    this.server.on("connection", (socket) => stats.onConnection(socket));
    this.server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => refuse(error, socket, stats));
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

/** What is no HTTP, or comes too late. */
function refuse(error: NodeJS.ErrnoException, socket: Socket, stats: AdminStats): void {
  // An answer may be under way, or the client is gone.
  if (socket.destroyed || socket.bytesRead === 0 || error.code === "ECONNRESET" || stats.isBusy(socket)) {
    socket.destroy();
    return;
  }
  const counted = stats.onRequest(socket);
  if (error.code === "HPE_INVALID_EOF_STATE") {
    counted.onEnd(false, false);
    socket.destroy();
  } else {
    const isLate = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    const status = isLate ? 408 : 400;
    if (!isLate) counted.onProtocolError();
    counted.onAnswer(status);
    counted.onEnd(true, true);
    socket.end(refusal(status, isLate ? "Request Timeout" : "Bad Request"));
  }
}

function refusal(status: number, text: string): string {
  const head = `HTTP/1.1 ${status} ${text}\r\ncontent-length: ${text.length}\r\ncontent-type: text/plain`;
  return `${head}\r\ndate: ${new Date().toUTCString()}\r\nserver: envoy\r\nconnection: close\r\n\r\n${text}`;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  counted: AdminRequestStats,
  state: AdminState,
): Promise<void> {
  if (request.httpVersion !== "1.1" || request.headers.host === undefined) {
    refuseRequest(request.httpVersion !== "1.1", response, counted);
    return;
  }
  const reply = await route(request, state).catch((error: unknown) => {
    return text(`${error instanceof Error ? error.message : String(error)}\n`, 500);
  });
  // The client may have gone in the middle of its request.
  if (response.destroyed) return;
  counted.onAnswer(reply.status);
  const body = typeof reply.body === "function" ? await reply.body() : reply.body;
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
  if (typeof body === "string" || Buffer.isBuffer(body)) response.end(body);
  else body.pipe(response);
}

/** HTTP/1.0, or no Host. */
function refuseRequest(isOld: boolean, response: ServerResponse, counted: AdminRequestStats): void {
  if (isOld) counted.onProtocolError();
  counted.onAnswer(isOld ? 426 : 400);
  response.shouldKeepAlive = false;
  response.writeHead(isOld ? 426 : 400, { server: "envoy", ...(isOld ? { "content-type": "text/plain" } : {}) });
  response.end(isOld ? "Upgrade Required" : "");
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
