import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { constants, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { peer } from "../peers.ts";
import { Load } from "../proxy/load.ts";
import type { Nuncio } from "../proxy/nuncio.ts";
import { ask, until } from "./control-plane.ts";
import { adsResources, cds, eds, frame, HostilePlane, lds, rds, sendNever, sent, startAds } from "./hostile-plane.ts";
import type { Resource } from "./test-resources.ts";

// What docs/hostile-control-planes.md lists is done to a proxy under load: nothing fails, the last good config serves, and what is good again is taken.

const backend = createServer((request, response) => response.end(`a ${request.headers["x-version"] ?? "-"}`));
const other = createServer((request, response) => response.end(`b ${request.headers["x-version"] ?? "-"}`));

/** What is done. It may say what it saw. */
interface Abuse {
  name: string;
  act(world: World): Promise<void> | void;
}

interface World {
  plane: HostilePlane;
  nuncio: Nuncio;
  port: number;
  /** A response with the resources of another version, with its nonce. */
  routes(version: string, first?: readonly object[]): Resource[];
  /** Waits for one NACK more, or several. */
  nacked(act: () => void, count?: number): Promise<string>;
  /** Waits for one stream more. */
  reopened(act: () => void): Promise<void>;
}

const abuses: Abuse[] = [
  {
    name: "random bytes as a message",
    act: ({ plane, reopened }) => reopened(() => plane.send(randomBytes(5000))),
  },
  {
    name: "a message that says it is compressed",
    act: ({ plane, reopened }) => reopened(() => plane.raw(frame(plane.response(rds, "x", []), 1))),
  },
  {
    name: "a message that says it has 4 GiB",
    act: ({ plane, reopened }) => reopened(() => plane.raw(frame(randomBytes(100), 0, 0xffff_ffff))),
  },
  {
    name: "half a response, then the stream ends",
    act: ({ plane, routes, reopened }) =>
      reopened(() => {
        plane.raw(frame(plane.response(rds, "x", routes("x").map(sent))).subarray(0, 60));
        plane.endStream();
      }),
  },
  {
    name: "half a response, then a reset",
    act: async ({ plane, routes, reopened }) => {
      plane.raw(frame(plane.response(rds, "x", routes("x").map(sent))).subarray(0, 60));
      await sleep(50);
      await reopened(() => plane.resetStream(constants.NGHTTP2_INTERNAL_ERROR));
    },
  },
  {
    name: "half a response, then the connection is gone",
    act: async ({ plane, routes, reopened }) => {
      plane.raw(frame(plane.response(rds, "x", routes("x").map(sent))).subarray(0, 60));
      await sleep(50);
      await reopened(() => plane.destroySessions());
    },
  },
  {
    name: "responses of a type that nobody asked for, and of none that there is",
    act: async ({ plane, nacked }) => {
      plane.send(plane.response("type.googleapis.com/envoy.service.runtime.v3.Runtime", "x", []));
      plane.send(plane.response("type.googleapis.com/nothing.Nothing", "x", []));
      plane.send(plane.response("", "", []));
      await nacked(() => plane.send(plane.response(rds, "x", [sent(bad())])));
    },
  },
  {
    name: "nonces that are empty, and the same one for all",
    act: async ({ plane, routes, nacked }) => {
      const good = routes("1").map(sent);
      for (let i = 0; i < 20; i++) plane.send(plane.response(rds, "x", good, i % 2 === 0 ? "" : "same"));
      await nacked(() => plane.send(plane.response(rds, "x", [sent(bad())], "same")));
    },
  },
  {
    name: "a resource of another type than its response",
    act: async ({ plane, nacked }) => {
      const cluster = adsResources.clusters(["main"]).map(sent);
      await nacked(() => plane.send(plane.response(lds, "x", cluster)));
    },
  },
  {
    name: "a resource of random bytes",
    act: async ({ plane, nacked }) => {
      for (const [typeUrl, name] of [
        [lds, "main"],
        [rds, "routes"],
        [cds, "app"],
      ] as const) {
        const any = create(AnySchema, { typeUrl, value: randomBytes(2000) });
        await nacked(() => plane.send(plane.response(typeUrl, "x", [{ name, any }])));
      }
    },
  },
  {
    name: "a thousand faults in one resource",
    act: async ({ plane, routes, nacked }) => {
      const many = Array.from({ length: 1000 }, () => ({
        match: { safe_regex: { regex: "(" } },
        route: { cluster: "app" },
      }));
      const text = await nacked(() => plane.send(plane.response(rds, "x", routes("x", many).map(sent))));
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096);
      expect(text).toMatch(/\nand 9\d\d more: see \/config_status of the proxy$/);
    },
  },
  {
    name: "what is refused, sent again at once, 200 times",
    act: async ({ plane, nuncio, nacked }) => {
      const before = nuncio.output().length;
      for (let i = 0; i < 200; i++)
        await nacked(() => plane.send(plane.response(cds, "x", adsResources.clusters(["app"], "-1s").map(sent))));
      expect(
        nuncio
          .output()
          .slice(before)
          .match(/Cluster version "x"/g)?.length,
      ).toBeLessThan(20);
    },
  },
  {
    name: "a resource of 10 MB that is good, and one that is not",
    act: async ({ plane, port, routes, nacked }) => {
      const many = Array.from({ length: 1100 }, (_, i) => ({
        match: { prefix: `/${"long".repeat(2500)}/${i}` },
        route: { cluster: "app" },
      }));
      const large = routes("large", many).map(sent);
      expect(large[0]?.any.value.length).toBeGreaterThan(10_000_000);
      plane.send(plane.response(rds, "large", large));
      await until(async () => (await ask(port)) === "a large");
      const bad = { match: { safe_regex: { regex: "(" } }, route: { cluster: "app" } };
      await nacked(() => plane.send(plane.response(rds, "x", routes("x", [...many, bad]).map(sent))));
    },
  },
  {
    name: "references that never come",
    act: async ({ plane, nuncio, port, routes }) => {
      sendNever(plane, port);
      await until(async () => plane.hasAsked(rds, "never") && plane.hasAsked(eds, "never"));
      await until(async () => {
        const { body } = await nuncio.admin("/config_status");
        return /WAITING main .*"never"/.test(body) && /WAITING app .*"never"/.test(body);
      });
      // What serves still gets what it asked for.
      plane.send(plane.response(rds, "meanwhile", routes("meanwhile").map(sent)));
      await until(async () => (await ask(port)) === "a meanwhile");
      const moveTo = (server: Server) => {
        const { port: moved } = server.address() as AddressInfo;
        plane.send(plane.response(eds, String(moved), adsResources.endpoints(moved).map(sent)));
      };
      moveTo(other);
      await until(async () => (await ask(port)) === "b meanwhile");
      moveTo(backend);
      await until(async () => (await ask(port)) === "a meanwhile");
    },
  },
  {
    name: "2,000 updates as fast as they go",
    act: async ({ plane, port, routes }) => {
      for (let i = 0; i < 2000; i++) {
        plane.send(plane.response(rds, `fast-${i}`, routes(`fast-${i}`).map(sent)));
        if (i % 100 === 99) await sleep(10);
      }
      await until(async () => (await ask(port)) === "a fast-1999");
    },
  },
  {
    name: "ten streams in a row reset in mid-message",
    act: async ({ plane, routes, reopened }) => {
      for (let i = 0; i < 10; i++) {
        plane.raw(frame(plane.response(rds, "x", routes("x").map(sent))).subarray(0, 60));
        await reopened(() => plane.resetStream(constants.NGHTTP2_CANCEL));
      }
    },
  },
  {
    name: "GOAWAY",
    act: async ({ plane, reopened }) => {
      await reopened(() => {
        plane.goAway();
        plane.resetStream(constants.NGHTTP2_REFUSED_STREAM);
      });
    },
  },
  refusing("404 instead of gRPC", (stream) => {
    stream.respond({ ":status": 404, "content-type": "text/html" });
    stream.end("<html>");
  }),
  refusing("gRPC that ends without a status", (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.end();
  }),
  refusing("trailers alone: UNAUTHENTICATED", (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-status": "16" }, { endStream: true });
  }),
];

/** Each new stream is answered so, twice; then again as it should be. */
function refusing(name: string, answer: (stream: ServerHttp2Stream) => void): Abuse {
  return {
    name,
    act: async ({ plane, reopened }) => {
      plane.refuse = answer;
      await reopened(() => plane.destroySessions());
      await reopened(() => {});
      plane.refuse = null;
      await reopened(() => {});
    },
  };
}

beforeAll(async () => {
  for (const server of [backend, other])
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
});
afterAll(() => {
  for (const server of [backend, other]) {
    server.closeAllConnections();
    server.close();
  }
});

test.each(["nuncio", "envoy"] as const)(
  "%s asks on for what serves while its next version waits",
  {
    timeout: 60_000,
  },
  async (name) => {
    const binary = name === "envoy" ? peer("envoy") : null;
    if (name === "envoy" && binary === null) {
      expect(process.env.CI).not.toBe("true");
      return;
    }
    const plane = new HostilePlane(false);
    const [port = 0] = await freePorts(1);
    plane.publish("1", [
      ...adsResources.clusters(["app"]),
      ...adsResources.endpoints((backend.address() as AddressInfo).port),
      ...adsResources.listeners([["main", port]]),
      ...adsResources.routes("1", "app"),
    ]);
    const proxy = await startAds(await plane.listen(), "GRPC", binary);
    const isAsked = (typeUrl: string, ...names: string[]) => names.every((one) => plane.names(typeUrl).includes(one));
    sendNever(plane, port);
    await until(async () => isAsked(rds, "routes", "never") && isAsked(eds, "service", "never"));
    plane.send(plane.response(rds, "2", adsResources.routes("2", "app").map(sent)));
    await until(async () => (await ask(port)) === "a 2");
    await proxy.stop();
    plane.close();
  },
);

const seen: string[] = [];

test("docs/hostile-control-planes.md has a row for each", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/hostile-control-planes.md"), "utf8");
  const rows = [...page.matchAll(/^\| ([^|]+) \|/gm)].map(([, name]) => name);
  expect(rows.slice(2)).toEqual(abuses.map(({ name }) => name));
});

describe.each([
  { name: "state of the world", apiType: "GRPC" },
  { name: "delta", apiType: "DELTA_GRPC" },
])("$name", ({ name: mode, apiType }) => {
  const plane = new HostilePlane(apiType === "DELTA_GRPC");
  let world: World;
  let version = 1;

  /** All that there is, with routes of the next version. */
  const publish = (): string => {
    const name = String(version++);
    const backendPort = (backend.address() as AddressInfo).port;
    plane.publish(name, [
      ...adsResources.clusters(["app"]),
      ...adsResources.endpoints(backendPort),
      ...adsResources.listeners([["main", world.port]]),
      ...adsResources.routes(name, "app"),
    ]);
    return `a ${name}`;
  };

  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    world = { plane, port } as World;
    const answer = publish();
    const nuncio = await startAds(await plane.listen(), apiType, null);
    world = {
      plane,
      nuncio,
      port,
      routes: (name, first = []) => adsResources.routes(name, "app", 1, first),
      nacked: async (act, count = 1) => {
        const before = plane.nacks.length;
        act();
        await until(async () => plane.nacks.length >= before + count);
        return plane.nacks.at(-1) ?? "";
      },
      reopened: async (act) => {
        const before = plane.streamCount;
        act();
        await until(async () => plane.streamCount > before);
      },
    };
    expect(await ask(port)).toBe(answer);
  }, 60_000);
  afterAll(async () => {
    await world.nuncio.stop();
    plane.close();
  });

  for (const { name, act } of abuses) {
    test(name, { timeout: 60_000 }, async () => {
      const { nuncio, port } = world;
      const load = new Load(port, { keepAlive: 4, newConnection: 1 });
      const begun = performance.now();
      const [nacks, streams] = [plane.nacks.length, plane.streamCount];
      await act(world);
      expect(await ask(port)).toMatch(/^a /);
      const acted = performance.now();
      const answer = publish();
      await until(async () => (await ask(port)) === answer);
      await until(async () =>
        (await nuncio.admin("/config_status")).body.startsWith("serving; all config is in force"),
      );
      const end = performance.now();
      await load.stop();
      expect([load.sum("failed"), load.sum("refused")]).toEqual([0, 0]);
      expect(await nuncio.stat("server.worker_crashes")).toBe(0);
      seen.push(
        `| ${name} | ${mode} | ${plane.nacks.length - nacks} | ${plane.streamCount - streams} | ${load.sum("answered")} | ${Math.round(acted - begun)} | ${Math.round(end - acted)} | ${Math.round(nuncio.rssMib())} |`,
      );
    });
  }
});

afterAll(() => {
  if (process.env.NUNCIO_SHOW === "1") process.stdout.write(`${seen.join("\n")}\n`);
});

/** A route configuration that is refused. */
function bad(): Resource {
  const [routes] = adsResources.routes("bad", "app", 2);
  return routes as Resource;
}
