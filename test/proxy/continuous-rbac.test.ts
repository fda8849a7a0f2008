import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../until.ts";
import { act, customIs, list, networkInput, typed } from "../xds-matchers.ts";
import { chain, listener, manager, onSides, type Side, startSides, statsOf } from "./sides.ts";

// A connection that was let in is closed once the rules turn against it, whatever it speaks: as Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-rbac-"));
let sides: Side[] = [];

beforeAll(async () => {
  const everyone = customIs(
    networkInput("SourceIPInput"),
    "envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction",
    { runtime_fraction: { default_value: { numerator: 100 }, runtime_key: "open" } },
  );
  const filter = (stat_prefix: string, more: object = {}) => ({
    name: stat_prefix,
    typed_config: typed("envoy.extensions.filters.network.rbac.v3.RBAC", {
      stat_prefix,
      matcher: list([everyone, act("envoy.config.rbac.v3.Action", { name: "p" })]),
      ...more,
    }),
  });
  const own = chain(manager([{ match: { prefix: "/" }, direct_response: { status: 200 } }]), null);
  const filters = (own as { filters: object[] }).filters;
  filters.unshift(filter("always", { enforcement_type: "CONTINUOUS" }), filter("once"));
  sides = await startSides(folder, 1, ([port = 0]) => ({
    layered_runtime: { layers: [{ name: "admin", admin_layer: {} }] },
    static_resources: { listeners: [listener("main", port, [own])] },
  }));
}, 30_000);

afterAll(async () => {
  await Promise.all(sides.map(({ process }) => process.stop()));
  rmSync(folder, { recursive: true });
});

test("HTTP/1 and HTTP/2 connections are asked for at all of their bytes, and closed in the middle", async () => {
  const seen = await onSides(sides, async (side) => {
    const http1 = await open(side);
    const http2 = await open(side);
    const answers: boolean[] = [];
    for (let i = 0; i < 3; i++) answers.push(await ask(http1, Buffer.from(request1), isResponse));
    // The acknowledgement of its SETTINGS is the last that comes before a request.
    answers.push(await ask(http2, Buffer.from(preface, "latin1"), (bytes) => hasFrame(bytes, 4, 1, 0)));
    for (const stream of [1, 3]) {
      answers.push(await ask(http2, headers(stream), (bytes) => hasFrame(bytes, 1, 5, stream)));
    }
    const stats = [...(await statsOf(side, "rbac"))];
    await fetch(`http://127.0.0.1:${side.adminPort}/runtime_modify?open=0`, { method: "POST" });
    await until(async () => !(await ask(await open(side), Buffer.from(request1), isResponse)));
    answers.push(await ask(http1, Buffer.from(request1), isResponse));
    answers.push(await ask(http2, headers(5), (bytes) => hasFrame(bytes, 1, 5, 5)));
    return { answers, stats };
  });
  expect(seen[0]).toEqual({
    answers: [true, true, true, true, true, true, false, false],
    stats: [
      ["always.rbac.allowed", 6],
      ["once.rbac.allowed", 2],
    ],
  });
  for (const other of seen.slice(1)) expect(other).toEqual(seen[0]);
});

async function open(side: Side): Promise<Socket> {
  const socket = connect(side.ports[0] ?? 0, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Whether the answer comes, and not the end. */
async function ask(socket: Socket, bytes: Buffer, isAnswer: (received: Buffer) => boolean): Promise<boolean> {
  if (socket.destroyed) return false;
  const answer = new Promise<boolean>((resolve) => {
    let received = Buffer.alloc(0);
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (isAnswer(received)) resolve(true);
    });
    socket.once("close", () => resolve(false));
  });
  socket.write(bytes);
  const isAnswered = await answer;
  socket.removeAllListeners("data");
  return isAnswered;
}

function isResponse(received: Buffer): boolean {
  return received.includes("\r\n\r\n");
}

/** Whether a frame of HTTP/2 of that type, with those flags, is there on the stream. */
function hasFrame(received: Buffer, type: number, flags: number, stream: number): boolean {
  for (let at = 0; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
    if (received[at + 3] === type && received[at + 4] === flags && received.readUInt32BE(at + 5) === stream)
      return true;
  }
  return false;
}

/** A request on a stream: :method GET, :path /, :scheme http of the static table, and an :authority. */
function headers(stream: number): Buffer {
  const block = Buffer.from([0x82, 0x84, 0x86, 0x41, 0x01, 0x61]);
  return Buffer.concat([Buffer.from([0, 0, block.length, 1, 5, 0, 0, 0, stream]), block]);
}

const request1 = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
/** With empty SETTINGS; those of the server are never acknowledged. */
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
