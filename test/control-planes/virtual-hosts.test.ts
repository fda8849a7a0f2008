import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { Load } from "../proxy/load.ts";
import { startNuncio } from "../proxy/nuncio.ts";
import { backendOfFile } from "./backend.ts";
import { apiSource, ask, ControlPlane, modes, resourceSource, until, xdsCluster } from "./control-plane.ts";
import { type Resource, TestResources } from "./test-resources.ts";

// Virtual hosts (VHDS) from go-control-plane, those that are there and those that requests wait for, to Nuncio and to real Envoy.

/** Says which virtual host a request came by, and its body. */
const backend = backendOfFile((request, response) => {
  let body = "";
  request.on("data", (data) => (body += data));
  request.on("end", () => response.end(`${request.headers["x-by"]}${body}`));
});

const programs = ["nuncio", "envoy"] as const;
const delta = modes.filter(({ apiType }) => apiType === "DELTA_GRPC");

describe.each(delta.flatMap((mode) => programs.map((program) => ({ ...mode, program }))))(
  "$program: $name",
  ({ isAds, server, program }) => {
    test("hosts come, are waited for, change under load, are refused and go", {
      timeout: 120_000,
    }, async (context) => {
      const planeProgram = requirePeer("go-control-plane", context);
      const binary = program === "envoy" ? requirePeer("envoy", context) : undefined;
      const api = apiSource("DELTA_GRPC");
      const source = resourceSource(isAds, api);
      const resources = new TestResources(() => source);
      const [port = 0, plainPort = 0] = await freePorts(2);
      let plane = new ControlPlane(planeProgram, server);
      const planePort = await plane.port;
      const all = (...hosts: Resource[]) => [
        ...resources.clusters(["app"]),
        ...resources.endpoints(backend.port),
        ...resources.listeners([["main", port]], "main", [onDemand]),
        ...resources.listeners([["plain", plainPort]], "plain"),
        routes(source),
        ...hosts,
      ];
      plane.send("1", all(host("a", "1")));
      const proxy = await startNuncio({
        backendPort: 0,
        args: ["--concurrency", "2"],
        ...(binary === undefined ? {} : { binary }),
        bootstrap: {
          node: { id: "nuncio", cluster: "test" },
          static_resources: { clusters: [xdsCluster(planePort)] },
          dynamic_resources: {
            ...(resources.bootstrap(0).dynamic_resources as object),
            ...(isAds ? { ads_config: api } : {}),
          },
        },
      });
      const by = (name: string) => ask(port, "/", { host: name });
      // All that there are were there before the first connection was taken, and so were those of the routes themselves.
      expect([await by("a"), await by("own")]).toEqual(["a 1", "own"]);
      expect(await ask(plainPort, "/", { host: "b" })).toBe("404");

      const load = new Load(port, { keepAlive: 6, newConnection: 2 });
      const waiting = [...Array.from({ length: 20 }, () => by("b")), post(port, "b", "and a body")];
      await until(async () => asked(plane, "routes/b") > 0);
      plane.send("2", all(host("a", "1"), host("b", "2")));
      expect(new Set(await Promise.all(waiting))).toEqual(new Set(["b 2", "b 2and a body"]));
      expect(asked(plane, "routes/b")).toBe(1);
      expect(await by("B")).toBe("b 2");

      for (let i = 3; i <= 22; i++) {
        const late = by(`host-${i}`);
        await until(async () => asked(plane, `routes/host-${i}`) > 0);
        plane.send(String(i), all(host("a", String(i)), host("b", "2"), host(`host-${i}`, String(i))));
        expect(await late).toBe(`host-${i} ${i}`);
        await until(async () => (await by("a")) === `a ${i}`);
      }

      // A domain that another has: refused, and what was there serves on.
      plane.send("23", all(host("a", "23"), host("b", "2"), host("c", "23", ["c", "own"])));
      await until(async () => plane.of("VirtualHost").some(({ error }) => error !== undefined));
      expect(plane.of("VirtualHost").find(({ error }) => error !== undefined)?.error).toMatch(/domain "?own"?/);
      expect([await by("a"), await by("own")]).toEqual(["a 22", "own"]);
      plane.send("24", all(host("a", "24")));
      await until(async () => (await by("a")) === "a 24");
      expect(await ask(plainPort, "/", { host: "b" })).toBe("404");
      await load.stop();
      expect([load.sum("failed"), load.sum("refused")]).toEqual([0, 0]);

      // What nobody waits for any more is not asked for any more: hosts are the clients' choice.
      if (program === "nuncio") {
        const call = request({ port, host: "127.0.0.1", headers: { host: "never" }, agent: false });
        call.on("error", () => {});
        call.end();
        await until(async () => asked(plane, "routes/never") > 0);
        call.destroy();
        await until(async () => plane.seen.some(({ unsubscribe }) => unsubscribe?.includes("routes/never") === true));
      }

      await plane.stop();
      expect(await by("a")).toBe("a 24");
      plane = new ControlPlane(planeProgram, server, `127.0.0.1:${planePort}`);
      plane.send("25", all(host("a", "25"), host("d", "25")));
      await until(async () => (await by("a")) === "a 25");
      // All there are, and by name those that were asked for.
      const first = plane.of("VirtualHost")[0]?.names ?? [];
      expect([first.includes("*"), first.includes("routes/b"), first.includes("routes/never")]).toEqual([
        true,
        true,
        false,
      ]);
      expect(await by("d")).toBe("d 25");
      expect(await proxy.stat("http.in.rds.vhds.routes.update_rejected")).toBe(1);
      if (program === "nuncio") expect(await proxy.stat("server.worker_crashes")).toBe(0);
      await proxy.stop();
      await plane.stop();
    });
  },
);

/** How often a name was subscribed to. */
function asked(plane: ControlPlane, name: string): number {
  return plane.of("VirtualHost").filter(({ names }) => names?.includes(name) === true).length;
}

function post(port: number, name: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      { port, host: "127.0.0.1", method: "POST", headers: { host: name }, agent: false },
      (response) => {
        let text = "";
        response.on("data", (data) => (text += data));
        response.on("end", () => resolve(text));
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

/** Its requests get its name and `version` in x-by. */
function host(name: string, version: string, domains: readonly string[] = [name]): Resource {
  return {
    "@type": "type.googleapis.com/envoy.config.route.v3.VirtualHost",
    name: `routes/${name}`,
    domains,
    ...toApp(`${name} ${version}`),
  };
}

/** With a virtual host of its own. */
function routes(source: object): Resource {
  return {
    "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    name: "routes",
    virtual_hosts: [{ name: "own", domains: ["own"], ...toApp("own") }],
    vhds: { config_source: source },
  };
}

function toApp(by: string): object {
  return {
    request_headers_to_add: [{ header: { key: "x-by", value: by } }],
    routes: [{ match: { prefix: "/" }, route: { cluster: "app" } }],
  };
}

const onDemand = {
  name: "on demand",
  typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.OnDemand" },
};
