import { type Field, fieldValue, type Message } from "./http-text.ts";
import type { LogLine, Observation } from "./side.ts";

/** One thing that is not the same on both sides. */
export interface Difference {
  where: string;
  envoy: string;
  candidate: string;
}

/** Everything in which two observations of one script differ, with ports, dates, ids and durations masked. */
export function differences(envoy: Observation, candidate: Observation): Difference[] {
  const found: Difference[] = [];
  const check = (where: string, a: unknown, b: unknown) => {
    const [left, right] = [mask(show(a)), mask(show(b))];
    if (left !== right) found.push({ where, envoy: left, candidate: right });
  };
  checkMessages(check, "answer", envoy.messages, candidate.messages);
  check("bytes after the answers", envoy.rest, candidate.rest);
  check("connection", envoy.ending, candidate.ending);
  checkMessages(check, "backend request", envoy.seen.map(asMessage), candidate.seen.map(asMessage));
  check(
    "backend connections",
    envoy.seen.map((s) => s.connection),
    candidate.seen.map((s) => s.connection),
  );
  check(
    "backend hosts",
    envoy.seen.map((s) => s.host),
    candidate.seen.map((s) => s.host),
  );
  checkLogs(check, envoy.log, candidate.log);
  // A line that only one side has stands for itself.
  const onlyIn = (a: Observation, b: Observation) => a.stats.filter((line) => !b.stats.includes(line));
  check("stats", onlyIn(envoy, candidate), onlyIn(candidate, envoy));
  return found;
}

/** True when messages agree but for the order of their fields, which no rule of HTTP gives a meaning. */
export function isFieldOrderDifferent(envoy: Observation, candidate: Observation): boolean {
  const order = (o: Observation) =>
    [...o.messages, ...o.seen].map((m) => m.headers.map(([name]) => name.toLowerCase()));
  const [left, right] = [order(envoy), order(candidate)];
  return show(left) !== show(right) && show(left.map(sorted)) === show(right.map(sorted));
}

type Check = (where: string, a: unknown, b: unknown) => void;

function checkMessages(check: Check, what: string, envoy: readonly Message[], candidate: readonly Message[]): void {
  check(`number of ${what}s`, envoy.length, candidate.length);
  for (let i = 0; i < Math.min(envoy.length, candidate.length); i++) {
    const [a, b] = [envoy[i], candidate[i]];
    const at = envoy.length > 1 ? `${what} ${i + 1}` : what;
    check(`${at}: first line`, a.line, b.line);
    checkFields(check, at, a.headers, b.headers);
    check(`${at}: body`, a.body, b.body);
    checkFields(check, `${at} trailers`, a.trailers, b.trailers);
    check(`${at}: complete`, a.complete, b.complete);
  }
}

function checkFields(check: Check, at: string, envoy: readonly Field[], candidate: readonly Field[]): void {
  const names = sorted([...new Set([...envoy, ...candidate].map(([name]) => name.toLowerCase()))]);
  for (const name of names) {
    const lines = (fields: readonly Field[]) =>
      fields.filter(([key]) => key.toLowerCase() === name).map(([key, value]) => `${key}: ${maskField(name, value)}`);
    if (!isTimeLeft(name, envoy, candidate)) check(`${at}: ${name}`, lines(envoy), lines(candidate));
  }
}

/** A retry tells what is left of the timeout, some milliseconds more or less on each side. What stands in a config is a round number. */
function isTimeLeft(name: string, envoy: readonly Field[], candidate: readonly Field[]): boolean {
  if (name !== "x-envoy-expected-rq-timeout-ms") return false;
  const [left, right] = [Number(fieldValue(envoy, name)), Number(fieldValue(candidate, name))];
  const distance = Math.abs(left - right);
  if (left > 5000) return distance < 5000;
  return distance < 400 && (left % 50 !== 0 || right % 50 !== 0);
}

function checkLogs(check: Check, envoy: readonly LogLine[], candidate: readonly LogLine[]): void {
  check("number of log lines", envoy.length, candidate.length);
  for (let i = 0; i < Math.min(envoy.length, candidate.length); i++) {
    const [a, b] = [envoy[i], candidate[i]];
    for (const key of sorted([...new Set([...Object.keys(a), ...Object.keys(b)])])) {
      if (key !== "client") check(envoy.length > 1 ? `log ${i + 1}: ${key}` : `log: ${key}`, a[key], b[key]);
    }
  }
}

function asMessage(seen: Observation["seen"][number]): Message {
  return { ...seen, length: 0 };
}

function maskField(name: string, value: string): string {
  if (name === "x-envoy-upstream-service-time") return value.replace(/^\d+$/, "MS");
  if (name === "x-forwarded-port") return value.replace(/^\d{5}$/, "PORT");
  return value;
}

/** The version digit of a UUID stays: Envoy keeps the trace decision there. */
function mask(text: string): string {
  return text
    .replace(/[A-Za-z0-9+/]{20,}={0,2}/g, plainAddress)
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UUID$1")
    .replace(/\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, "DATE")
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "TIME")
    .replace(/\b127\.0\.0\.(\d):\d{4,5}/g, "127.0.0.$1:PORT")
    .replace(/(x-envoy-upstream-service-time",")\d+/g, "$1MS")
    .replace(/_L\d+\b/g, "");
}

/** An address in base64, in the place of which its port can be masked. What stands beside it, such as a time, is only measured. */
function plainAddress(base64: string): string {
  const text = Buffer.from(base64, "base64").toString("latin1");
  const address = /127\.0\.0\.\d:\d{4,5}/.exec(text)?.[0];
  return address === undefined ? base64 : `<${address} and ${text.length - address.length} bytes>`;
}

function show(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "absent");
}

function sorted(texts: readonly string[]): string[] {
  return [...texts].sort();
}
