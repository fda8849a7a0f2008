import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, fromBinary, toBinary, toJsonString } from "@bufbuild/protobuf";
import {
  RateLimitResponse_Code as Code,
  type RateLimitRequest,
  RateLimitRequestSchema,
  type RateLimitResponse,
  RateLimitResponse_DescriptorStatusSchema,
  RateLimitResponse_RateLimitSchema,
  RateLimitResponseSchema,
} from "../src/proto/generated/envoy/service/ratelimit/v3/rls_pb.ts";
import { type Calls, onCalls } from "./grpc-calls.ts";

/** A rate limit service for tests, over HTTP/2 without TLS. */
export interface RateLimitService {
  port: number;
  /** Calls that began, are waiting for their answer, and were given up by the client. */
  calls: Calls;
  close(): void;
}

/** What a call gets: a message, what the wire carries instead, or nothing at all. */
interface Verdict {
  response: RateLimitResponse;
  delayMs: number;
  /** A gRPC status other than 0 comes without a message. */
  grpcStatus: number;
  httpStatus: number;
  /** Instead of the message. */
  raw: Buffer | null;
  end: "answer" | "silent" | "reset" | "no message";
}

/** Starts one on a free loopback port; `decide` may take its time. */
export async function startRateLimitService(
  decide: (request: RateLimitRequest, path: string) => Verdict | Promise<Verdict>,
): Promise<RateLimitService> {
  const calls = { begun: 0, open: 0, cancelled: 0 };
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session)).on("error", () => {});
  });
  onCalls(server, calls, async (stream, message, path) => {
    const verdict = await decide(fromBinary(RateLimitRequestSchema, message), path);
    if (verdict.delayMs > 0) setTimeout(() => answer(stream, verdict), verdict.delayMs);
    else answer(stream, verdict);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    calls,
    close: () => {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}

/** One that answers as words in the value of an entry "do" say (see verdictOf); x-asked on the response is what it was asked. */
export function startToldService(): Promise<RateLimitService> {
  return startRateLimitService((request, path) => {
    const words = request.descriptors.flatMap(({ entries }) => entries.filter(({ key }) => key === "do"));
    const verdict = verdictOf(words[0]?.value ?? "");
    const asked = `${path.replace(/^\S*\//, "")} ${toJsonString(RateLimitRequestSchema, request)}`;
    if (!words[0]?.value.includes("unasked"))
      verdict.response.responseHeadersToAdd.unshift(field("x-asked", Buffer.from(asked).toString("base64")));
    return verdict;
  });
}

/** A service's plain yes. */
export function allowed(): Verdict {
  const response = create(RateLimitResponseSchema, { overallCode: Code.OK });
  return { response, delayMs: 0, grpcStatus: 0, httpStatus: 200, raw: null, end: "answer" };
}

/** Words, each percent-encoded: over, unknown, body:B, resp:n=v, req:n=v, meta:k=v, status:limit,unit,remaining,reset[,name[,multiplier]], limited:(the same), slow:MS, grpc:N, http:N, garbage, nothing, silent, reset. */
function verdictOf(text: string): Verdict {
  const verdict = allowed();
  const { response } = verdict;
  for (const word of text.split(" ")) {
    const [, name = "", value = ""] = /^([a-z]+):?(.*)$/.exec(decodeURIComponent(word)) ?? [];
    const [key = "", rest = ""] = [value.replace(/=.*/, ""), value.replace(/^[^=]*=/, "")];
    if (name === "over") response.overallCode = Code.OVER_LIMIT;
    if (name === "unknown") response.overallCode = Code.UNKNOWN;
    if (name === "body") response.rawBody = Buffer.from(value);
    if (name === "resp") response.responseHeadersToAdd.push(field(key, rest));
    if (name === "req") response.requestHeadersToAdd.push(field(key, rest));
    if (name === "meta") response.dynamicMetadata = { ...response.dynamicMetadata, [key]: rest };
    if (name === "status" || name === "limited") response.statuses.push(statusOf(value, name === "limited"));
    if (name === "slow") verdict.delayMs = Number(value);
    if (name === "grpc") verdict.grpcStatus = Number(value);
    if (name === "http") verdict.httpStatus = Number(value);
    if (name === "garbage") verdict.raw = Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]);
    if (name === "nothing") verdict.end = "no message";
    if (name === "silent" || name === "reset") verdict.end = name;
  }
  return verdict;
}

function statusOf(text: string, isLimited: boolean) {
  const [limit, unit, remaining, reset, name = "", multiplier] = text.split(",");
  const currentLimit = create(RateLimitResponse_RateLimitSchema, {
    requestsPerUnit: Number(limit),
    unit: Number(unit) as 0,
    name,
  });
  if (multiplier !== undefined) currentLimit.unitMultiplier = Number(multiplier);
  return create(RateLimitResponse_DescriptorStatusSchema, {
    code: isLimited ? Code.OVER_LIMIT : Code.OK,
    ...(limit === "" ? {} : { currentLimit }),
    limitRemaining: Number(remaining),
    ...(reset === "" ? {} : { durationUntilReset: { seconds: BigInt(reset ?? 0), nanos: 5 } }),
  });
}

function field(key: string, value: string) {
  return { $typeName: "envoy.config.core.v3.HeaderValue" as const, key, value, rawValue: new Uint8Array() };
}

function answer(stream: ServerHttp2Stream, { response, grpcStatus, httpStatus, raw, end }: Verdict): void {
  if (stream.destroyed || end === "silent") return;
  if (end === "reset") {
    stream.close(2);
    return;
  }
  const head = { ":status": httpStatus, "content-type": "application/grpc" };
  if (grpcStatus !== 0 || httpStatus !== 200) {
    stream.respond({ ...head, "grpc-status": String(grpcStatus) }, { endStream: true });
    return;
  }
  stream.respond(head, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  const message = toBinary(RateLimitResponseSchema, response);
  const framed = Buffer.concat([Buffer.alloc(5), message]);
  framed.writeUInt32BE(message.length, 1);
  if (end === "no message") stream.end();
  else stream.end(raw ?? framed);
}
