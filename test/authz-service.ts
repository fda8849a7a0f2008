import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HeaderValueOption } from "../src/proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
  DeniedHttpResponseSchema,
  OkHttpResponseSchema,
} from "../src/proto/generated/envoy/service/auth/v3/external_auth_pb.ts";
import { type Calls, onCalls } from "./grpc-calls.ts";

/** An authorization service for tests, by gRPC and by HTTP/1 on one port, without TLS. */
export interface AuthzService {
  port: number;
  /** Calls that began, wait for their answer, and were given up by the client. */
  calls: Calls;
  close(): void;
}

/**
 * Starts one on a free loopback port. It answers as the words of `authorization` say, each percent-encoded, and tells what it was asked as x-asked.
 * Of both: slow:MS, silent, reset, body:B, deny[:status]. By gRPC: code:N, error[:status], meta:k=v, okmeta:k=v, remove:n, qset:k=v, qremove:k,
 * grpc:N, http:N, garbage, nothing; and fields "<where><how>:n=v" with <where> "u" (upstream) or "c" (client), <how> append, absent, set, exists,
 * old (append: true), new (append: false), bad (no action). By HTTP: status:N, field:n=v, raw:BYTES, late:N
 * (what the other words say is done N times to requests of one x-case, then they are let through).
 */
export async function startAuthzService(): Promise<AuthzService> {
  const calls = { begun: 0, open: 0, cancelled: 0 };
  const sockets = new Set<Socket>();
  const http2 = createHttp2();
  http2.on("session", (session) => session.on("error", () => {}));
  onCalls(http2, calls, answerCall);
  const attempts = new Map<string, number>();
  const http = createHttp((request, response) => {
    calls.begun++;
    calls.open++;
    response.on("close", () => {
      calls.open--;
      if (!response.writableFinished) calls.cancelled++;
    });
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const key = `${request.headers["x-case"]}`;
      attempts.set(key, (attempts.get(key) ?? 0) + 1);
      answerRequest(request, Buffer.concat(parts), response, attempts.get(key) ?? 0);
    });
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    socket.once("data", (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      // An HTTP/2 session takes what is buffered itself.
      if (first.toString("latin1").startsWith("PRI * HTTP/2")) http2.emit("connection", socket);
      else {
        http.emit("connection", socket);
        socket.resume();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    calls,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function wordsOf(text: string): [name: string, value: string][] {
  return text.split(" ").map((word) => {
    const at = word.indexOf(":");
    const decoded = at < 0 ? "" : Buffer.from(decodeURIComponent(word.slice(at + 1))).toString();
    return [at < 0 ? word : word.slice(0, at), decoded];
  });
}

function answerCall(stream: ServerHttp2Stream, message: Buffer, path: string): void {
  const request = fromBinary(CheckRequestSchema, message);
  const http = request.attributes?.request?.http;
  const raw = http?.headerMap?.headers.find(({ key }) => key === "authorization")?.rawValue;
  const words = wordsOf(raw === undefined ? (http?.headers.authorization ?? "") : Buffer.from(raw).toString());
  const asked = Buffer.from(`${path} ${JSON.stringify(steady(request))}`).toString("base64");
  const response = responseOf(words, words.some(([name]) => name === "unasked") ? null : asked);
  const said = (name: string) => words.find((word) => word[0] === name)?.[1] ?? null;
  const send = () => {
    if (stream.destroyed || said("silent") !== null) return;
    if (said("reset") !== null) {
      stream.close(2);
      return;
    }
    const head = { ":status": Number(said("http") ?? 200), "content-type": "application/grpc" };
    if (said("grpc") !== null || said("http") !== null) {
      stream.respond({ ...head, "grpc-status": said("grpc") ?? "0" }, { endStream: true });
      return;
    }
    stream.respond(head, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    if (said("nothing") !== null) stream.end();
    else stream.end(framed(said("garbage") === null ? toBinary(CheckResponseSchema, response) : Buffer.alloc(3, 0xff)));
  };
  const delayMs = Number(said("slow") ?? 0);
  if (delayMs > 0) setTimeout(send, delayMs);
  else send();
}

function framed(message: Uint8Array): Buffer {
  const whole = Buffer.concat([Buffer.alloc(5), message]);
  whole.writeUInt32BE(message.length, 1);
  return whole;
}

function responseOf(words: readonly [string, string][], asked: string | null): CheckResponse {
  const ok = create(OkHttpResponseSchema);
  const denied = create(DeniedHttpResponseSchema);
  const response = create(CheckResponseSchema);
  let kind: "ok" | "deny" | "error" | "bare" = "ok";
  const place = (where: string) =>
    where === "u" ? ok.headers : kind === "ok" ? ok.responseHeadersToAdd : denied.headers;
  for (const [name, value] of words) {
    const [key = "", rest = ""] = [value.replace(/=.*/s, ""), value.replace(/^[^=]*=/s, "")];
    if (name === "deny" || name === "error") {
      kind = name;
      if (value !== "") denied.status = { $typeName: "envoy.type.v3.HttpStatus", code: Number(value) as 200 };
    }
    if (name === "bare") kind = "bare";
    if (name === "body") denied.body = value;
    if (name === "code") response.status = statusOf(Number(value));
    if (name === "meta") response.dynamicMetadata = { ...response.dynamicMetadata, [key]: rest };
    if (name === "okmeta") ok.dynamicMetadata = { ...ok.dynamicMetadata, [key]: rest };
    if (name === "remove") ok.headersToRemove.push(value);
    if (name === "qset")
      ok.queryParametersToSet.push({ $typeName: "envoy.config.core.v3.QueryParameter", key, value: rest });
    if (name === "qremove") ok.queryParametersToRemove.push(value);
    const how = /^([uc])(append|absent|set|exists|old|new|bad)$/.exec(name);
    if (how !== null) place(how[1] ?? "").push(option(key, rest, how[2] ?? ""));
  }
  if (asked !== null) (kind === "ok" ? ok.headers : denied.headers).unshift(option("x-asked", asked, "set"));
  if (kind !== "ok") response.status ??= statusOf(7);
  if (kind === "ok") response.httpResponse = { case: "okResponse", value: ok };
  if (kind === "deny") response.httpResponse = { case: "deniedResponse", value: denied };
  if (kind === "error") response.httpResponse = { case: "errorResponse", value: denied };
  return response;
}

function statusOf(code: number) {
  return { $typeName: "google.rpc.Status" as const, code, message: "", details: [] };
}

function option(key: string, value: string, how: string): HeaderValueOption {
  const header = { $typeName: "envoy.config.core.v3.HeaderValue" as const, key, value, rawValue: new Uint8Array() };
  const appendAction = { absent: 1, set: 2, exists: 3, bad: 77 }[how] ?? 0;
  const made: HeaderValueOption = {
    $typeName: "envoy.config.core.v3.HeaderValueOption",
    header,
    appendAction: appendAction as 0,
    keepEmptyValue: false,
  };
  if (how === "old" || how === "new") made.append = how === "old";
  return made;
}

/** As text, without what is another each time. */
function steady(request: CheckRequest): unknown {
  const { source, destination, request: asked } = request.attributes ?? {};
  const http = asked?.http;
  for (const peer of [source, destination]) {
    const address = peer?.address?.address;
    if (address?.case === "socketAddress") address.value.portSpecifier = { case: "portValue", value: 1 };
  }
  if (asked?.time !== undefined) asked.time = timestampFromMs(0);
  if (http !== undefined) http.id = http.id === "" ? "" : "ID";
  if (http?.headers["x-request-id"] !== undefined) http.headers["x-request-id"] = "ID";
  for (const field of http?.headerMap?.headers ?? [])
    if (field.key === "x-request-id") field.rawValue = new Uint8Array();
  for (const fields of Object.values(request.attributes?.metadataContext?.filterMetadata ?? {})) {
    if (typeof fields.ext_authz_duration === "number") fields.ext_authz_duration = 1;
  }
  return sorted(toJson(CheckRequestSchema, request));
}

/** Maps have no order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

function answerRequest(request: IncomingMessage, body: Buffer, response: ServerResponse, attempt: number): void {
  let words = wordsOf(request.headers.authorization ?? "");
  const late = words.find(([name]) => name === "late");
  if (late !== undefined && attempt > Number(late[1])) words = [["field", `x-up-attempt=${attempt}`]];
  const said = (name: string) => words.find((word) => word[0] === name)?.[1] ?? null;
  const fields = Object.entries(request.headers).map(
    ([name, value]) => `${name}: ${name === "x-request-id" ? "ID" : value}`,
  );
  const seen = `${request.method} ${request.url} ${JSON.stringify(fields.sort())} ${body.toString("latin1")}`;
  const send = () => {
    if (said("silent") !== null) return;
    if (said("reset") !== null || said("raw") !== null) {
      if (said("raw") !== null) request.socket.end(said("raw") ?? "", "latin1");
      else request.socket.resetAndDestroy();
      return;
    }
    const head: string[] = said("unasked") === null ? ["x-asked", Buffer.from(seen).toString("base64")] : [];
    for (const [name, value] of words) {
      if (name === "field") head.push(value.replace(/=.*/s, ""), value.replace(/^[^=]*=/s, ""));
    }
    const status = Number(said("status") ?? (said("deny") === null ? 200 : said("deny") || 403));
    const text = said("body") ?? "";
    response.sendDate = false;
    response.writeHead(status, [...head, "content-length", String(Buffer.byteLength(text))]);
    response.end(text);
  };
  const delayMs = Number(said("slow") ?? 0);
  if (delayMs > 0) setTimeout(send, delayMs);
  else send();
}
