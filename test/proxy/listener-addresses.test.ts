import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage, type RequestOptions } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../until.ts";
import { accessLog, chain, listener, manager, onSides, type Side, startSides, statsOf } from "./sides.ts";

// A listener with additional_addresses, by LDS from a file: Nuncio and real Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-addresses-"));
let sides: Side[] = [];
let version = 0;

beforeAll(async () => {
  sides = await startSides(folder, 6, (ports, name) => {
    mkdirSync(join(folder, name));
    put(name, [main(ports, name, [tcp(at(ports, 1)), tcp(at(ports, 2), "::1"), pipe(name)])]);
    const source = { path_config_source: { path: join(folder, name, "lds.json") } };
    return { node: { id: "a", cluster: "b" }, dynamic_resources: { lds_config: source } };
  });
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(folder, { recursive: true });
});

test("each address is served by the same listener, and named in its log", async () => {
  const told = await onSides(sides, async (side) => {
    const log = join(folder, `${side.name}.log`);
    const addresses = ["127.0.0.1", "127.0.0.1", "::1"].map((host, i) => ({ host, port: at(side.ports, i) }));
    for (const to of addresses) expect(await ask(to)).toBe(200);
    expect(await ask({ socketPath: socketOf(side.name) })).toBe(200);
    await until(async () => readFileSync(log, "utf8").trim().split("\n").length === 4);
    return placed(side, readFileSync(log, "utf8"));
  });
  expect(told[0]).toContain("main 127.0.0.1:PORT1 127.0.0.1:PORT1 PORT1 127.0.0.1\n");
  expect(told[0]).toContain("main SOCKET SOCKET  SOCKET\n");
  for (const lines of told) expect(lines).toBe(told.at(-1));
});

test("one set of stats, one listener in the manager's", async () => {
  const stats = await onSides(sides, async (side) => {
    await until(async () => (await statsOf(side, "^listener\\..*downstream_cx_total$")).size > 0);
    const found = await statsOf(
      side,
      "^listener\\..*(cx_total|rq_completed)$|^listener_manager.*(added|total.*active)$",
    );
    return [...found].filter(([name]) => !/worker_|admin/.test(name)).sort();
  });
  expect(stats[0]).toContainEqual(["listener.0.downstream_cx_total", 4]);
  for (const found of stats) expect(found).toEqual(stats.at(-1));
});

test("/listeners in text and JSON, and /config_dump", async () => {
  const told = await onSides(sides, async (side) => {
    const dump = JSON.parse(await admin(side, "/config_dump?resource=dynamic_listeners"));
    return placed(
      side,
      [
        await admin(side, "/listeners"),
        JSON.stringify(JSON.parse(await admin(side, "/listeners?format=json"))),
        JSON.stringify(dump.configs[0].active_state.listener.additional_addresses),
      ].join("\n"),
    );
  });
  expect(told[0]).toContain("main::127.0.0.1:PORT0\nmain::127.0.0.1:PORT1\nmain::[::1]:PORT2\nmain::SOCKET\n");
  for (const text of told) expect(text).toBe(told.at(-1));
});

test("the mode of a Unix socket", async () => {
  expect(await onSides(sides, async ({ name }) => statSync(socketOf(name)).mode & 0o777)).toEqual(
    sides.map(() => 0o600),
  );
});

test("filter chains are chosen by the address that a connection came to", async () => {
  const served = await onSides(sides, async (side) => {
    const { ports } = side;
    const served = (name: string, match: object) =>
      chain(
        manager([{ match: { prefix: "/" }, direct_response: { status: 200 } }], { server_name: name }),
        null,
        match,
      );
    await replace(side, [
      {
        ...listener("main", at(ports, 0), [
          served("port", { destination_port: at(ports, 1) }),
          served("range", { prefix_ranges: [{ address_prefix: "::1", prefix_len: 128 }] }),
          served("any", {}),
        ]),
        additional_addresses: [tcp(at(ports, 1)), tcp(at(ports, 2), "::1"), pipe(side.name)],
      },
    ]);
    return [
      await serverOf({ host: "127.0.0.1", port: at(ports, 0) }),
      await serverOf({ host: "127.0.0.1", port: at(ports, 1) }),
      await serverOf({ host: "::1", port: at(ports, 2) }),
      await serverOf({ socketPath: socketOf(side.name) }),
    ];
  });
  for (const names of served) expect(names).toEqual(["any", "port", "range", "any"]);
});

const keepalive = (time: number) => ({ keepalive_time: time, keepalive_interval: 7, keepalive_probes: 4 });
// SO_KEEPALIVE and TCP_KEEPIDLE, as control planes write them.
const options = (time: number) => ({
  socket_options: [
    { level: 1, name: 9, int_value: 1, state: "STATE_LISTENING" },
    { level: 6, name: 4, int_value: time, state: "STATE_LISTENING" },
  ],
});
const none = { keepalive_time: 0, keepalive_interval: 0, keepalive_probes: 0 };
const keepaliveCases: { name: string; listener: object; more: object[]; seconds: (number | null)[] }[] = [
  {
    name: "its own keepalive, or the listener's",
    listener: { tcp_keepalive: keepalive(30) },
    more: [{}, { tcp_keepalive: keepalive(60) }, { socket_options: options(90) }, { tcp_keepalive: none }],
    seconds: [30, 30, 60, 90, null],
  },
  {
    name: "its own socket options, an empty list too, stand in place of the listener's",
    listener: options(30),
    more: [
      {},
      { socket_options: {} },
      { tcp_keepalive: keepalive(60) },
      { socket_options: {}, tcp_keepalive: keepalive(60) },
    ],
    seconds: [30, 30, null, 30, 60],
  },
  { name: "a 0 turns the listener's off", listener: { tcp_keepalive: none }, more: [{}], seconds: [null, null] },
];
for (const { name, listener: extra, more, seconds } of keepaliveCases) {
  test(`an address has ${name}`, async () => {
    const timers = await onSides(sides, async (side) => {
      const additional = more.map((own, i) => ({ ...tcp(at(side.ports, i + 1)), ...own }));
      await replace(side, [{ ...main(side.ports, side.name, additional), ...extra }]);
      const found: (number | null)[] = [];
      for (const [i] of seconds.entries()) {
        const socket = await opened(at(side.ports, i));
        await until(async () => keepaliveSeconds(at(side.ports, i)) !== -1);
        await new Promise((resolve) => setTimeout(resolve, 50));
        found.push(keepaliveSeconds(at(side.ports, i)));
        socket.destroy();
        await once(socket, "close");
      }
      return found;
    });
    for (const found of timers) expect(found).toEqual(seconds);
  });
}

describe("what cannot be had is refused in Envoy's words, and the last good version stays", () => {
  const cases: { name: string; more: (side: Side) => object[]; others?: (side: Side) => object[]; says: string }[] = [
    {
      name: "an address in use",
      more: ({ adminPort }) => [tcp(adminPort)],
      says: "cannot bind '127.0.0.1:ADMIN': Address already in use",
    },
    {
      name: "an address of another machine",
      more: ({ ports }) => [tcp(at(ports, 1), "192.0.2.1")],
      says: "cannot bind '192.0.2.1:PORT1': Cannot assign requested address",
    },
    {
      name: "a Unix socket in no folder",
      more: () => [{ address: { pipe: { path: "/nowhere/a.sock" } } }],
      says: "cannot bind '/nowhere/a.sock': No such file or directory",
    },
    {
      name: "a name",
      more: ({ ports }) => [tcp(at(ports, 1), "localhost")],
      says: "malformed IP address: localhost",
    },
    {
      name: "UDP",
      more: ({ ports }) => [tcp(at(ports, 1), "127.0.0.1", { protocol: "UDP" })],
      says: "listener main: has different socket type. The listener only support same socket type for all the addresses.",
    },
    {
      name: "an address of another listener",
      more: () => [],
      others: ({ ports }) => [
        { ...listener("other", at(ports, 3), [only]), additional_addresses: [tcp(at(ports, 0))] },
      ],
      says: "error adding listener: 'other' has duplicate address '127.0.0.1:PORT3,127.0.0.1:PORT0' as existing listener",
    },
  ];
  for (const { name, more, others, says } of cases) {
    test(name, async () => {
      const seen = await onSides(sides, async (side) => {
        await replace(side, [main(side.ports, side.name, [])]);
        const before = await rejections(side);
        put(side.name, [main(side.ports, side.name, more(side)), ...(others?.(side) ?? [])]);
        await until(async () => (await rejections(side)) > before);
        expect(placed(side, side.process.output() + (await admin(side, "/config_dump")))).toContain(says);
        const failures = await statsOf(side, "listener_manager.listener_create_failure");
        return [await admin(side, "/listeners"), await ask({ port: at(side.ports, 0) }), ...failures.values()].map(
          (value) => placed(side, String(value)),
        );
      });
      expect(seen[0]?.slice(0, 2)).toEqual(["main::127.0.0.1:PORT0\n", "200"]);
      for (const found of seen) expect(found).toEqual(seen.at(-1));
    });
  }
});

test("a listener takes the address of one that goes with the same update", async () => {
  for (const side of sides) {
    await replace(side, [main(side.ports, side.name, [tcp(at(side.ports, 1)), pipe(side.name)])]);
    const heir = { ...listener("heir", at(side.ports, 3), [only]), additional_addresses: [tcp(at(side.ports, 1))] };
    await replace(side, [{ ...heir, additional_addresses: [...heir.additional_addresses, pipe(side.name)] }], "heir");
    expect(await ask({ port: at(side.ports, 1) })).toBe(200);
    expect(await ask({ socketPath: socketOf(side.name) })).toBe(200);
    await expect(opened(at(side.ports, 0))).rejects.toThrow("ECONNREFUSED");
  }
});

test("several addresses with port 0 have a port each", async () => {
  for (const side of sides) {
    await replace(side, [{ ...main([0], side.name, [tcp(0), tcp(0, "::1")]), name: "many" }], "many");
    const ports = (await admin(side, "/listeners")).match(/\d+$/gm) ?? [];
    expect(new Set(ports).size).toBe(3);
    for (const [i, port] of ports.entries()) expect(await ask({ host: i === 2 ? "::1" : "127.0.0.1", port })).toBe(200);
  }
});

const direct = { match: { prefix: "/" }, direct_response: { status: 200 } };
const only = chain(manager([direct]), null);

/** "main" on the first port and these. */
function main(ports: readonly number[], side: string, more: readonly object[]): object {
  const format = ["LISTENER_NAME", "LOCAL_ADDRESS", "DIRECT_LOCAL_ADDRESS", "LOCAL_PORT", "REMOTE_ADDRESS_WITHOUT_PORT"]
    .map((field) => (field === "LISTENER_NAME" ? `%${field}%` : `%DOWNSTREAM_${field}%`))
    .join(" ");
  const served = manager([direct], { access_log: [accessLog(join(folder, `${side}.log`), format)] });
  return { ...listener("main", at(ports, 0), [chain(served, null)]), additional_addresses: more };
}

function tcp(port: number, host = "127.0.0.1", more: object = {}): object {
  return { address: { socket_address: { address: host, port_value: port, ...more } } };
}

function pipe(side: string): object {
  return { address: { pipe: { path: socketOf(side), mode: 0o600 } } };
}

function socketOf(side: string): string {
  return join(folder, `${side}.sock`);
}

function put(side: string, listeners: readonly object[]): void {
  const type = "type.googleapis.com/envoy.config.listener.v3.Listener";
  // Equal ones change nothing, and keep their version.
  const metadata = { filter_metadata: { test: { version: ++version } } };
  const resources = listeners.map((resource) => ({ "@type": type, ...resource, metadata }));
  const file = join(folder, side, "lds.json");
  writeFileSync(`${file}.new`, JSON.stringify({ version_info: String(version), resources }));
  renameSync(`${file}.new`, file);
}

/** Settles when these are all that there is, in force. */
async function replace(side: Side, listeners: readonly object[], name = "main"): Promise<void> {
  put(side.name, listeners);
  await until(async () => {
    const { configs } = JSON.parse(await admin(side, "/config_dump?resource=dynamic_listeners"));
    const active = configs.filter((one: { active_state?: object }) => one.active_state !== undefined);
    return active.length === 1 && active[0].name === name && active[0].active_state.version_info === String(version);
  });
  // The workers hear of it a little later.
  await new Promise((resolve) => setTimeout(resolve, 50));
}

async function admin({ adminPort }: Side, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${adminPort}${path}`)).text();
}

async function rejections(side: Side): Promise<number> {
  return (await statsOf(side, "lds.update_rejected")).get("listener_manager.lds.update_rejected") ?? 0;
}

/** Ports and paths of a side by their places. */
function placed(side: Side, text: string): string {
  const known = side.ports.reduce((told, port, i) => told.replaceAll(String(port), `PORT${i}`), text);
  return known.replaceAll(socketOf(side.name), "SOCKET").replaceAll(String(side.adminPort), "ADMIN");
}

function ask(to: RequestOptions): Promise<number> {
  return answerOf(to).then(({ statusCode }) => statusCode ?? 0);
}

function serverOf(to: RequestOptions): Promise<string> {
  return answerOf(to).then(({ headers }) => String(headers.server));
}

function answerOf(to: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ ...to, agent: false }, (response) => resolve(response.resume())).on("error", reject);
  });
}

function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}

/** Until the next probe by the server of the one connection to a port, rounded up to tens; null where there is none, -1 without a connection. */
function keepaliveSeconds(port: number): number | null {
  const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
    const [, local = "", , state, , timer = ""] = line.trim().split(/\s+/);
    if (!local.endsWith(end) || state !== "01") continue;
    const [kind, left = ""] = timer.split(":");
    // Hundredths of a second.
    return kind === "02" ? Math.ceil(Number.parseInt(left, 16) / 1000) * 10 : null;
  }
  return -1;
}

function at(ports: readonly number[], i: number): number {
  return ports[i] ?? 0;
}
