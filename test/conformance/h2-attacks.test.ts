import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { peer } from "../peers.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";
import { attackCases } from "./h2-attack-cases.ts";
import { attack, Bystander, type Outcome } from "./h2-attack-client.ts";

// Every attack of the list on a running Nuncio and on real Envoy, beside a client that behaves, on one connection for all of them.
// SHOW_ATTACKS=1 prints the table of docs/http2-attacks.md, which is what each must come to.

interface Side {
  proxy: Nuncio;
  bystander: Bystander;
}

const envoy = peer("envoy");
const sides: Side[] = [];
const printed: string[] = [];
const page = readFileSync(new URL("../../docs/http2-attacks.md", import.meta.url), "utf8");
const large = Buffer.alloc(256 * 1024);
const backend = createServer((request, response) => {
  if (request.url === "/silent") return;
  if (request.url === "/large") response.end(large);
  else request.resume().on("end", () => response.end("ok"));
});

beforeAll(async () => {
  if (process.env.CI === "true") expect(envoy).not.toBe(null);
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  const backendPort = (backend.address() as AddressInfo).port;
  for (const binary of envoy === null ? [null] : [null, envoy]) {
    const proxy = await startNuncio({
      backendPort,
      manager,
      accessLog: "log",
      logFormat: "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%",
      ...(binary === null ? {} : { binary }),
      args: ["--concurrency", "1", "--file-flush-interval-msec", "50"],
      cluster: {
        circuit_breakers: { thresholds: [{ max_connections: 5000, max_requests: 5000, max_pending_requests: 5000 }] },
      },
    });
    sides.push({ proxy, bystander: new Bystander(proxy.port) });
  }
});

afterAll(async () => {
  for (const { proxy, bystander } of sides) {
    await bystander.stop();
    await proxy.stop();
  }
  backend.closeAllConnections();
  backend.close();
  if (process.env.SHOW_ATTACKS === "1") console.log(`${header}\n${printed.join("\n")}`);
});

for (const one of attackCases) {
  test(one.name, { timeout: 30_000 }, async () => {
    const nuncio = sides[0] as Side;
    const rssMib = nuncio.proxy.rssMib();
    const before = sides.map(({ bystander }) => bystander.answered);
    const outcomes = await Promise.all(sides.map(({ proxy }) => attack(one, proxy)));
    const growthMib = nuncio.proxy.rssMib() - rssMib;
    if (one.isDeaf === true) {
      expect(outcomes[0]?.counters).toEqual(["outbound_control_flood"]);
      // In Envoy either of two bounds is first.
      for (const outcome of outcomes) outcome.counters = [];
    }
    const [ours = "", theirs = ours] = outcomes.map(text);
    const isSame = outcomes.length < 2 || ours === theirs;
    printed.push(`| ${one.name} | ${ours} | ${isSame ? "the same" : theirs} | ${one.why ?? ""} |`);
    if (process.env.SHOW_ATTACKS === "1") return;
    for (const [i, { bystander }] of sides.entries()) {
      expect(bystander.failed).toBe(0);
      expect(bystander.answered).toBeGreaterThan(before[i] as number);
    }
    expect(growthMib).toBeLessThan(64);
    expect(ours).toBe(told(one.name)?.[0]);
    if (outcomes.length < 2) return;
    expect(isSame ? "the same" : theirs).toBe(told(one.name)?.[1]);
    expect(isSame).toBe(one.why === null);
  });
}

test("the table in docs/ has each attack", () => {
  const named = [...page.matchAll(/^\| (\d[^|]+) \|/gm)].map((match) => match[1]);
  expect(named).toEqual(attackCases.map(({ name }) => name));
});

function told(name: string): string[] | undefined {
  const row = page.split("\n").find((line) => line.startsWith(`| ${name} | `));
  return row?.split(" | ").slice(1, 3);
}

function text({ wire, log, counters }: Outcome): string {
  const parts = [wire.join(", "), log.map((line) => `\`${line}\``).join(", ") || "nothing logged"];
  if (counters.length > 0) parts.push(counters.join(", "));
  return parts.join("; ");
}

const manager = {
  codec_type: "AUTO",
  delayed_close_timeout: "0.1s",
  request_headers_timeout: "0.6s",
  normalize_path: true,
  common_http_protocol_options: { headers_with_underscores_action: "REJECT_REQUEST" },
  http2_protocol_options: {
    max_concurrent_streams: 100,
    initial_stream_window_size: 65_536,
    initial_connection_window_size: 1_048_576,
  },
};
const header = "| Attack | Nuncio | Envoy 1.40 | Why not the same |\n| --- | --- | --- | --- |";
