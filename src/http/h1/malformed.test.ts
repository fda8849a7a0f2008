import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ClientRecorder, feedText, ServerRecorder } from "./h1-recorder.ts";
import { defaultHttp1Options } from "./options.ts";

/** Every case of h1-malformed.json as far as the codec decides it; the rest is the connection manager's. */
describe("malformed requests", () => {
  for (const c of cases("request")) {
    test(`${c.id}: ${c.desc} (strict)`, () => {
      const run = serve(c.bytes, false, -2);
      const tokens = c.expect.split("|");
      if (decidedLater.has(c.id)) return;
      expect(tokens.some((token) => run.meets(token))).toBe(true);
      if (c.upstream_max_requests !== undefined) expect(run.requests).toBeLessThanOrEqual(c.upstream_max_requests);
      if (c.must_not_reach !== undefined) expect(run.targets.join()).not.toContain(c.must_not_reach);
    });

    test(`${c.id}: ${c.desc} (leniency)`, () => {
      if (decidedLater.has(c.id)) return;
      const measured = c.envoy_1_40.default;
      const run = serve(c.bytes, true, -2);
      const details = measured.flags_details.map((text) => text.slice(text.indexOf("|") + 1));
      const codecDetails = details.filter(
        (text) => text.startsWith("http1.") || text.startsWith("http.") || codecRows.has(text),
      );
      expect(run.details).toEqual(codecDetails);
      if (measured.upstream_lines !== undefined) {
        const whole = measured.upstream_lines.filter((line) => !line.endsWith("(incomplete)")).length;
        expect(run.requests).toBe(whole);
      }
    });

    test(`${c.id}: ${c.desc} (cut anywhere)`, () => {
      for (const leniency of [false, true]) {
        const whole = serve(c.bytes, leniency, -2).events;
        expect(serve(c.bytes, leniency, -1).events).toEqual(whole);
        const step = c.bytes.length > 2000 ? 997 : 1;
        for (let cut = 1; cut < c.bytes.length; cut += step) {
          expect(serve(c.bytes, leniency, cut).events).toEqual(whole);
        }
      }
    });
  }
});

describe("malformed responses", () => {
  for (const c of cases("response")) {
    for (const leniency of [false, true]) {
      test(`${c.id}: ${c.desc} (${leniency ? "leniency" : "strict"})`, () => {
        const whole = receive(c, leniency, -2);
        const isGood = whole.at(-1) === "end" || whole.at(-1)?.endsWith(" end") === true;
        const tokens = leniency ? [measuredToken(c)] : c.expect.split("|");
        const token = isGood ? "accept" : whole.some((line) => line.startsWith("200")) ? "close" : "bad-gateway-502";
        expect(
          tokens.map((text) => text.replace("-normalized", "").replace("reject-503", "bad-gateway-502")),
        ).toContain(token);
        const step = c.bytes.length > 2000 ? 997 : 1;
        for (let cut = 1; cut < c.bytes.length; cut += step) expect(receive(c, leniency, cut)).toEqual(whole);
      });
    }
  }
});

interface Case {
  id: string;
  dir: string;
  desc: string;
  bytes: string;
  bytes_escaped: string;
  expect: string;
  then?: string;
  upstream_max_requests?: number;
  must_not_reach?: string;
  envoy_1_40: { default: { statuses: number[]; flags_details: string[]; upstream_lines?: string[] } };
}

function cases(dir: string): Case[] {
  const url = new URL("../../../test/differential/h1-malformed.json", import.meta.url);
  const all = JSON.parse(readFileSync(url, "utf8")) as Case[];
  for (const c of all) c.bytes = expand(c.bytes_escaped);
  return all.filter((c) => c.dir === dir);
}

/** {{X*N}} and {{REPEAT:N:text}} of the format. */
function expand(text: string): string {
  return text
    .replace(/\{\{REPEAT:(\d+):([\s\S]*?)\}\}/g, (_, count: string, part: string) => {
      let result = "";
      for (let i = 0; i < Number(count); i++) result += part.replaceAll("{i}", String(i));
      return result;
    })
    .replace(/\{\{([\s\S])\*(\d+)\}\}/g, (_, letter: string, count: string) => letter.repeat(Number(count)));
}

interface Run {
  events: string[];
  details: string[];
  requests: number;
  targets: string[];
  meets(token: string): boolean;
}

function serve(text: string, leniency: boolean, cut: number): Run {
  const recorder = new ServerRecorder({ ...defaultHttp1Options, leniency }, "end");
  feedText(recorder.codec, text, cut === -2 ? text.length : cut);
  const { events, requests, errors } = recorder;
  return {
    events,
    requests,
    targets: events.filter((line) => !line.startsWith("data ")),
    details: errors.map((error) => error.details),
    meets: (token) =>
      token.startsWith("reject-")
        ? errors.some((error) => token === `reject-${error.status}`)
        : errors.length === 0 || requests > 0,
  };
}

function receive(c: Case, leniency: boolean, cut: number): string[] {
  const recorder = new ClientRecorder({
    ...defaultHttp1Options,
    leniency,
    ...(leniency ? { maxHeadBytes: 1 << 20 } : {}),
  });
  recorder.request("GET");
  feedText(recorder.codec, c.bytes, cut === -2 ? c.bytes.length : cut);
  if (c.then === "close") recorder.codec.onTransportEnd();
  return recorder.events;
}

function measuredToken(c: Case): string {
  const flags = c.envoy_1_40.default.flags_details.join();
  if (flags.includes("upstream_reset_after_response_started")) return "close";
  return flags.includes("upstream_reset_before_response_started") ? "bad-gateway-502" : "accept";
}

const codecRows = new Set(["low_version", "missing_host_header"]);

/** What the connection manager, a filter or the clock answers, or what the bytes alone do not show. */
const decidedLater = new Set([..."RL-19 RL-27 RL-35 PA-03 PA-04 PA-18 PA-27 UP-04 LI-09".split(" ")]);
