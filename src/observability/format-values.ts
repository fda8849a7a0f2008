import { isIPv6 } from "node:net";
import { ResponseFlag, responseFlagNames } from "./response-flags.ts";
import type { StreamInfo } from "./stream-info.ts";

/** "URX,UF", or the long names; "-" for none. */
export function flagsText(flags: number, isLong: boolean): string {
  if (flags === 0) return "-";
  let text = "";
  for (const { bit, names } of printOrder) {
    if ((flags & bit) === 0) continue;
    const name = names[isLong ? 1 : 0];
    text = text === "" ? name : `${text},${name}`;
  }
  return text;
}

/** "1.2.3.4:80" or "[::1]:80" without its port, and without brackets; anything else (a pipe's path) as it is. */
export function withoutPort(address: string): string {
  if (address.charCodeAt(0) === 91) return address.slice(1, address.indexOf("]"));
  const colon = address.lastIndexOf(":");
  return colon < 0 ? address : address.slice(0, colon);
}

/** The port of "ip:port", null when it has none. */
export function portOf(address: string): number | null {
  const colon = address.lastIndexOf(":");
  const port = colon < 0 ? Number.NaN : Number(address.slice(colon + 1));
  return Number.isInteger(port) ? port : null;
}

/** An IP with its host bits zeroed, as "10.0.0.0/8"; null when it is no IP or the length too great. */
export function maskedAddress(ip: string, prefixLength: number): string | null {
  if (isIPv6(ip)) {
    if (prefixLength > 128) return null;
    return `${compressIPv6(maskGroups(expandIPv6(ip), prefixLength))}/${prefixLength}`;
  }
  const octets = ip.split(".").map(Number);
  if (octets.length !== 4 || prefixLength > 32) return null;
  const masked = octets.map(
    (octet, i) => octet & (0xff << (8 - Math.min(8, Math.max(0, prefixLength - 8 * i)))) & 0xff,
  );
  return `${masked.join(".")}/${prefixLength}`;
}

/** The gRPC status of a stream as Envoy finds it: trailers, head, then the HTTP status. Null when the request is not gRPC. */
export function grpcStatus(info: StreamInfo): number | null {
  const type = info.request.find("content-type");
  if (type === null || !(type === "application/grpc" || type.startsWith("application/grpc+"))) return null;
  if (info.responseCode === 0 && info.response === null) return null;
  return anyGrpcStatus(info);
}

/** The same for any request: Unknown (2) where nothing says one, -1 where what was sent is no number. */
export function anyGrpcStatus(info: StreamInfo): number {
  const sent = info.responseTrailers?.find("grpc-status") ?? info.response?.find("grpc-status") ?? null;
  if (sent !== null) return /^\d+$/.test(sent) ? Number(sent) : -1;
  return httpToGrpc[info.responseCode] ?? 2;
}

/** A gRPC status in one of the forms of %GRPC_STATUS(...)%. */
export function grpcStatusText(status: number, form: "CAMEL_STRING" | "SNAKE_STRING" | "NUMBER"): string {
  const names = grpcStatusNames[status];
  if (form === "NUMBER" || names === undefined) return String(status);
  return names[form === "CAMEL_STRING" ? 0 : 1];
}

/** The value at a path of a filter's metadata; undefined where there is none. */
export function metadataAt(
  all: Record<string, Record<string, unknown>> | Map<string, Record<string, unknown>> | null,
  path: readonly string[],
): unknown {
  if (all === null) return undefined;
  const filter = path[0] as string;
  let value: unknown = all instanceof Map ? all.get(filter) : Object.hasOwn(all, filter) ? all[filter] : undefined;
  for (let i = 1; i < path.length; i++) {
    const key = path[i] as string;
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** Keys in order of bytes at every depth, as Envoy prints a Struct. `number`: how one is written. */
export function sortedJson(value: unknown, number: (value: number) => string = JSON.stringify): string {
  if (typeof value === "number") return number(value);
  if (Array.isArray(value)) return `[${value.map((item) => sortedJson(item, number)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${sortedJson(item, number)}`).join(",")}}`;
}

/** A number of metadata as Envoy prints it: the shorter of its two forms (std::to_chars), though JSON has no "inf". */
export function metadataNumber(value: number): string {
  if (Number.isNaN(value)) return "null";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0";
  const fixed = Number.isInteger(value) ? String(BigInt(value)) : String(value);
  const [digits = "", exponent = ""] = value.toExponential().split("e");
  const scientific = `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  // A number so small that String() has an exponent is never shorter without.
  return fixed.length <= scientific.length && !fixed.includes("e") ? fixed : scientific;
}

/** A configured text as the bytes of its UTF-8, one a character, which is how header values are held. */
export function toWire(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.from(text, "utf8").latin1Slice();
  }
  return text;
}

function expandIPv6(ip: string): number[] {
  const [head = "", tail] = (ip.split("%")[0] as string).split("::") as [string, string | undefined];
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const last = (right.length > 0 ? right : left).at(-1);
  if (last?.includes(".")) {
    const [a, b, c, d] = last.split(".").map(Number) as [number, number, number, number];
    (right.length > 0 ? right : left).splice(-1, 1, ((a << 8) | b).toString(16), ((c << 8) | d).toString(16));
  }
  const middle = tail === undefined ? [] : new Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...middle, ...right].map((group) => Number.parseInt(group, 16));
}

function maskGroups(groups: number[], prefixLength: number): number[] {
  return groups.map((group, i) => group & (0xffff << (16 - Math.min(16, Math.max(0, prefixLength - 16 * i)))) & 0xffff);
}

/** RFC 5952: the longest run of zeros, first of equals, becomes "::". */
function compressIPv6(groups: number[]): string {
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
  }
  const hex = groups.map((group) => group.toString(16));
  if (start < 0) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/**
 * Envoy prints flags in the order they were set. Filters set theirs before the router does, and the router notes that
 * retries are spent before it says how the last try failed; the others follow in the order of the enum.
 */
const setFirst = (["DI", "FI", "UAEX", "RLSE", "RL", "URX", "UO"] as const).map((name) => ResponseFlag[name]);
const printOrder: { bit: number; names: readonly [string, string] }[] = responseFlagNames
  .map((names, i) => ({ bit: 1 << i, names }))
  .sort((a, b) => rank(a.bit) - rank(b.bit));

function rank(bit: number): number {
  const at = setFirst.indexOf(bit);
  return at < 0 ? setFirst.length : at;
}

const httpToGrpc: Record<number, number> = { 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14 };

const grpcStatusNames: [string, string][] = [
  ["OK", "OK"],
  ["Canceled", "CANCELLED"],
  ["Unknown", "UNKNOWN"],
  ["InvalidArgument", "INVALID_ARGUMENT"],
  ["DeadlineExceeded", "DEADLINE_EXCEEDED"],
  ["NotFound", "NOT_FOUND"],
  ["AlreadyExists", "ALREADY_EXISTS"],
  ["PermissionDenied", "PERMISSION_DENIED"],
  ["ResourceExhausted", "RESOURCE_EXHAUSTED"],
  ["FailedPrecondition", "FAILED_PRECONDITION"],
  ["Aborted", "ABORTED"],
  ["OutOfRange", "OUT_OF_RANGE"],
  ["Unimplemented", "UNIMPLEMENTED"],
  ["Internal", "INTERNAL"],
  ["Unavailable", "UNAVAILABLE"],
  ["DataLoss", "DATA_LOSS"],
  ["Unauthenticated", "UNAUTHENTICATED"],
];
