import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Attack, attacks } from "../../src/http/h2/attacks.test-kit.ts";
import { hello } from "../../src/http/h2/h2-recorder.ts";
import { peer } from "../peers.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";

// Every attack of the list on a running Nuncio and on real Envoy, with a client beside it that behaves. SHOW_ATTACKS=1 prints the table
// of docs/http2-attacks.md.

/** What became of the attacker, and what it cost. */
interface Outcome {
  /** "GOAWAY ENHANCE_YOUR_CALM, last stream 41", "closed", "lives". */
  ending: string;
  /** http2.* that moved. */
  counters: string[];
  /** Of the good client. */
  answered: number;
  failed: number;
  /** MiB that the proxy's resident memory grew. */
  growthMib: number;
}

const commands = [null, peer("envoy")] as const;
const sides: { name: string; proxy: Nuncio }[] = [];
const rows: string[] = [];
const backend = createServer((request, response) => {
  if (request.url !== "/silent") response.end("ok");
});

beforeAll(async () => {
  if (process.env.CI === "true") expect(commands[1]).not.toBe(null);
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  const backendPort = (backend.address() as AddressInfo).port;
  for (const [i, command] of commands.entries()) {
    if (i === 1 && command === null) continue;
    const options = { backendPort, manager: { codec_type: "AUTO" }, ...(command === null ? {} : { binary: command }) };
    sides.push({
      name: i === 0 ? "nuncio" : "envoy",
      proxy: await startNuncio({ ...options, args: ["--concurrency", "1"] }),
    });
  }
});

afterAll(async () => {
  for (const { proxy } of sides) await proxy.stop();
  backend.closeAllConnections();
  backend.close();
  if (process.env.SHOW_ATTACKS !== "1") return;
  console.log(`${header}\n${rows.join("\n")}`);
});

for (const attack of attacks) {
  test(attack.name, { timeout: 30_000 }, async () => {
    const outcomes: string[] = [];
    for (const { name, proxy } of sides) {
      const outcome = await run(attack, proxy);
      outcomes.push(`${outcome.ending}${outcome.counters.length === 0 ? "" : `; ${outcome.counters.join(", ")}`}`);
      if (name !== "nuncio") continue;
      expect(outcome.failed).toBe(0);
      expect(outcome.answered).toBeGreaterThan(0);
      expect(outcome.growthMib).toBeLessThan(64);
      // What is not read cannot be waited for on a socket: the kernel takes much of it.
      if (attack.isDeaf !== true) expect(outcome.ending).toMatch(/^GOAWAY ENHANCE_YOUR_CALM, last stream \d+$/);
      outcomes.push(`${outcome.growthMib.toFixed(1)} MiB`);
    }
    const [ours = "", growth = "", theirs = "not there"] = outcomes;
    rows.push(`| ${attack.name} | ${ours} | ${growth} | ${theirs} |`);
  });
}

test("the table in docs/ has each attack", () => {
  const page = readFileSync(new URL("../../docs/http2-attacks.md", import.meta.url), "utf8");
  const named = [...page.matchAll(/^\| ([^|]+) \|/gm)]
    .map((match) => match[1])
    .filter((name) => !/^(Attack|---)/.test(name ?? ""));
  expect(named).toEqual(attacks.map(({ name }) => name));
});

async function run(attack: Attack, proxy: Nuncio): Promise<Outcome> {
  const good = goodClient(proxy.port);
  await sleep(50);
  const before = { counters: await counters(proxy), rss: proxy.rssMib() };
  const socket = connect(proxy.port, "127.0.0.1");
  const ending = watch(socket, attack.isDeaf === true);
  socket.write(hello);
  for (let i = 0; i < attack.after + 2000 && !socket.destroyed && socket.writable; i++) {
    socket.write(attack.make(i));
    if (i % 50 === 49) await sleep(1);
  }
  await Promise.race([ending.done, sleep(500)]);
  // Workers bring their counts to the main thread every 50 ms.
  await sleep(150);
  const growthMib = proxy.rssMib() - before.rss;
  const text = ending.text();
  socket.destroy();
  const after = await counters(proxy);
  const moved = [...after].filter(
    ([name, value]) => interesting.test(name) && value > (before.counters.get(name) ?? 0),
  );
  return {
    ending: text,
    counters: moved.map(([name]) => name.replace("http2.", "")),
    growthMib: Math.max(0, growthMib),
    ...(await good.stop()),
  };
}

/** Reads the frames of the proxy, as far as they say how it ends. */
function watch(socket: Socket, isDeaf: boolean): { done: Promise<void>; text(): string } {
  let bytes = Buffer.alloc(0);
  let goaway = "";
  let isClosed = false;
  if (!isDeaf) {
    socket.on("data", (data: Buffer) => {
      bytes = Buffer.concat([bytes, data]);
      while (bytes.length >= 9) {
        const length = bytes.readUIntBE(0, 3);
        if (bytes.length < 9 + length) return;
        if (bytes[3] === 7) {
          const code = codes[bytes.readUInt32BE(13)] ?? String(bytes.readUInt32BE(13));
          goaway = `GOAWAY ${code}, last stream ${bytes.readUInt32BE(9)}`;
        }
        bytes = bytes.subarray(9 + length);
      }
    });
  }
  socket.on("error", () => {});
  const done = new Promise<void>((resolve) => {
    socket.on("close", () => {
      isClosed = true;
      resolve();
    });
  });
  return { done, text: () => goaway || (isClosed ? "closed" : "lives") };
}

/** One request after the other on a connection of its own. */
function goodClient(port: number): { stop(): Promise<{ answered: number; failed: number }> } {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  let answered = 0;
  let failed = 0;
  let isStopping = false;
  session.on("error", () => {});
  const ask = () =>
    new Promise<void>((resolve) => {
      const stream = session.request({ ":path": "/" });
      let body = "";
      stream.on("data", (data) => (body += data));
      stream.on("error", () => {});
      stream.on("close", () => {
        if (body === "ok") answered++;
        else failed++;
        resolve();
      });
    });
  const loop = (async () => {
    while (!isStopping) await ask();
  })();
  return {
    async stop() {
      isStopping = true;
      await loop;
      session.close();
      return { answered, failed };
    },
  };
}

async function counters(proxy: Nuncio): Promise<Map<string, number>> {
  const { body } = await proxy.admin("/stats?filter=^http2");
  const lines = body.split("\n").filter((line) => line.includes(": "));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), Number(line.slice(line.indexOf(":") + 2))]));
}

const interesting = /flood|too_large|too_many|glitch|rx_messaging_error|rx_reset|tx_reset|goaway_sent/;
const codes = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
];
const header = "| Attack | Nuncio | memory | Envoy 1.40 |\n| --- | --- | --- | --- |";
