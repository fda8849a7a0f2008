import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, type TestContext, test } from "vitest";
import { makeCertificate } from "../../bench/certificate.ts";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { startNuncio } from "../proxy/nuncio.ts";
import { backendOfFile } from "./backend.ts";
import { apiSource, ask, ControlPlane, until, xdsCluster } from "./control-plane.ts";
import { TestResources } from "./test-resources.ts";

// How control planes are reached: what go-control-plane sees of Nuncio's streams and of real Envoy's.

const backend = backendOfFile(({ url, headers }, response) => {
  response.end(url === "/" ? `a ${headers["x-version"] ?? "-"}` : headers.authorization);
});

test.for([
  { name: "authority and metadata", grpc: { authority: "my.plane" } },
  { name: "without Envoy's own fields", grpc: { skip_envoy_headers: true } },
])("a Unix socket, initial_metadata: $name", { timeout: 60_000 }, async ({ grpc }, context) => {
  const metadata = [
    { key: "authorization", value: "Bearer secret" },
    { key: "X-Upper", value: "not %ENVIRONMENT(HOME)% formatted" },
    { key: "x-twice", value: "1" },
    { key: "x-twice", value: "2" },
    { key: "x-raw", raw_value: "QUJD" },
  ];
  const service = { envoy_grpc: { cluster_name: "xds", ...grpc }, initial_metadata: metadata };
  const seen = [];
  for (const program of ["nuncio", "envoy"] as const) seen.push(await metadataOf(program, service, context));
  expect(seen[0]).toEqual(seen[1]);
  expect(seen[0]?.authorization).toEqual(["Bearer secret"]);
});

/** What a control plane on a Unix socket sees of the stream of a program that it drives. */
async function metadataOf(
  program: "nuncio" | "envoy",
  service: object,
  context: TestContext,
): Promise<Record<string, string[]>> {
  const binary = program === "envoy" ? requirePeer("envoy", context) : undefined;
  const folder = await mkdtemp(join(tmpdir(), "nuncio-xds-"));
  const socket = join(folder, "XDS");
  const plane = new ControlPlane(requirePeer("go-control-plane", context), "ads", socket);
  await plane.port;
  const [port = 0] = await freePorts(1);
  const resources = new TestResources(() => ({ ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" }));
  plane.send("1", [
    ...resources.clusters(["app"]),
    ...resources.endpoints(backend.port),
    ...resources.listeners([["main", port]]),
    ...resources.routes("1", "app"),
  ]);
  const proxy = await startNuncio({
    backendPort: 0,
    args: ["--concurrency", "1"],
    ...(binary === undefined ? {} : { binary }),
    bootstrap: {
      node: { id: "nuncio", cluster: "test" },
      static_resources: { clusters: [xdsCluster({ pipe: { path: socket } })] },
      dynamic_resources: {
        ...(resources.bootstrap(0).dynamic_resources as object),
        ads_config: { ...apiSource("DELTA_GRPC"), grpc_services: [service] },
      },
    },
  });
  await until(async () => (await ask(port)) === "a 1");
  await proxy.stop();
  await plane.stop();
  await rm(folder, { recursive: true });
  return plane.streams[0]?.metadata ?? {};
}

test.for(["nuncio", "envoy"] as const)(
  "%s: the credential injector of the control plane's cluster, of others, and of a listener",
  {
    timeout: 120_000,
  },
  async (program, context) => {
    const binary = program === "envoy" ? requirePeer("envoy", context) : undefined;
    const planeProgram = requirePeer("go-control-plane", context);
    const folder = await mkdtemp(join(tmpdir(), "nuncio-token-"));
    const token = (text: string) => writeRenamed(join(folder, "token"), text);
    await token("first");
    await writeFile(
      join(folder, "sds.json"),
      JSON.stringify({
        resources: [
          {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            name: "token",
            generic_secret: { secret: { filename: join(folder, "token") } },
          },
        ],
      }),
    );
    let plane = new ControlPlane(planeProgram, "ads");
    const planePort = await plane.port;
    const [port = 0, ownPort = 0] = await freePorts(2);
    const resources = new TestResources(() => ({ ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" }));
    const all = (version: string) => [
      ...resources.clusters(["app"]),
      ...resources.endpoints(backend.port),
      ...resources.listeners([["main", port]]),
      ...resources.routes(version, "app", 1, [
        { match: { prefix: "/injected" }, route: { cluster: "injected" } },
        { match: { prefix: "/kept" }, route: { cluster: "kept" } },
      ]),
    ];
    plane.send("1", all("1"));
    const backendCluster = (name: string, overwrite: boolean) => ({
      ...xdsCluster(backend.port, {
        explicit_http_config: { http_protocol_options: {} },
        http_filters: injector(folder, { overwrite }),
      }),
      name,
    });
    const proxy = await startNuncio({
      backendPort: 0,
      args: ["--concurrency", "1"],
      ...(binary === undefined ? {} : { binary }),
      bootstrap: {
        node: { id: "nuncio", cluster: "test" },
        static_resources: {
          listeners: [injectingListener(ownPort, injector(folder, { overwrite: true })[0])],
          clusters: [
            { ...xdsCluster(backend.port, { explicit_http_config: { http_protocol_options: {} } }), name: "plain" },
            xdsCluster(planePort, { http_filters: injector(folder, { overwrite: true }) }),
            backendCluster("injected", true),
            backendCluster("kept", false),
          ],
        },
        dynamic_resources: {
          ...(resources.bootstrap(0).dynamic_resources as object),
          ads_config: apiSource("DELTA_GRPC"),
        },
      },
    });
    await until(async () => (await ask(port)) === "a 1");
    expect(plane.streams[0]?.metadata.authorization).toEqual(["Bearer first"]);
    const of = (path: string, headers = {}) => ask(port, path, headers);
    expect([await of("/injected"), await of("/injected", { authorization: "mine" })]).toEqual([
      "Bearer first",
      "Bearer first",
    ]);
    expect(await ask(ownPort, "/injected")).toBe("Bearer first");
    expect([await of("/kept"), await of("/kept", { authorization: "mine" })]).toEqual(["Bearer first", "mine"]);

    await token("second");
    await until(async () => (await of("/injected")) === "Bearer second");
    await until(async () => (await ask(ownPort, "/injected")) === "Bearer second");
    await plane.stop();
    plane = new ControlPlane(planeProgram, "ads", `127.0.0.1:${planePort}`);
    plane.send("2", all("2"));
    await until(async () => (await ask(port)) === "a 2");
    expect(plane.streams[0]?.metadata.authorization).toEqual(["Bearer second"]);
    await proxy.stop();
    await plane.stop();
    await rm(folder, { recursive: true });
  },
);

test.for(
  (["nuncio", "envoy"] as const).flatMap((program) =>
    (["plain text", "TLS and a token", "a Unix socket"] as const).map((kind) => [program, kind] as const),
  ),
)("%s: google_grpc by %s", { timeout: 120_000 }, async ([program, kind], context) => {
  const binary = program === "envoy" ? requirePeer("envoy", context) : undefined;
  const folder = await mkdtemp(join(tmpdir(), "nuncio-google-"));
  const tls = makeCertificate(folder);
  const socket = kind === "a Unix socket" ? join(folder, "XDS") : "";
  const files = kind === "TLS and a token" ? [tls.chain, tls.key] : [];
  const plane = new ControlPlane(
    requirePeer("go-control-plane", context),
    "ads",
    socket === "" ? "127.0.0.1:0" : socket,
    "0s",
    files,
  );
  const planePort = await plane.port;
  const target = socket === "" ? `localhost:${planePort}` : `unix:${socket}`;
  const secure = {
    channel_credentials: { ssl_credentials: { root_certs: { filename: tls.chain } } },
    call_credentials: [{ access_token: "a.token" }],
  };
  const [port = 0] = await freePorts(1);
  const resources = new TestResources(() => ({ ads: {}, resource_api_version: "V3", initial_fetch_timeout: "0s" }));
  plane.send("1", [
    ...resources.clusters(["app"]),
    ...resources.endpoints(backend.port),
    ...resources.listeners([["main", port]]),
    ...resources.routes("1", "app"),
  ]);
  const service = {
    google_grpc: { target_uri: target, stat_prefix: "xds", ...(files.length === 0 ? {} : secure) },
    initial_metadata: [{ key: "x-mine", value: "1" }],
  };
  const proxy = await startNuncio({
    backendPort: 0,
    args: ["--concurrency", "1"],
    ...(binary === undefined ? {} : { binary }),
    bootstrap: {
      node: { id: "nuncio", cluster: "test" },
      static_resources: {},
      dynamic_resources: {
        ...(resources.bootstrap(0).dynamic_resources as object),
        ads_config: { ...apiSource("GRPC"), grpc_services: [service] },
      },
    },
  });
  await until(async () => (await ask(port)) === "a 1");
  expect(plane.streams[0]?.metadata).toMatchObject({
    // Of a Unix socket gRPC makes its path one, which Go's servers of some versions refuse; Nuncio says "localhost".
    ...(socket === "" ? { ":authority": [target] } : {}),
    "x-mine": ["1"],
    ...(files.length === 0 ? {} : { authorization: ["Bearer a.token"] }),
  });
  expect((await proxy.admin("/clusters")).body).not.toContain(target);
  await proxy.stop();
  await plane.stop();
  await rm(folder, { recursive: true });
});

function injectingListener(port: number, filter: object | undefined): object {
  const type = "type.googleapis.com/envoy.extensions.filters";
  return {
    name: "own",
    address: { socket_address: { address: "127.0.0.1", port_value: port } },
    filter_chains: [
      {
        filters: [
          {
            name: "hcm",
            typed_config: {
              "@type": `${type}.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: "own",
              http_filters: [filter, { name: "router", typed_config: { "@type": `${type}.http.router.v3.Router` } }],
              route_config: {
                name: "own",
                virtual_hosts: [
                  { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "plain" } }] },
                ],
              },
            },
          },
        ],
      },
    ],
  };
}

function injector(folder: string, config: object): object[] {
  return [
    {
      name: "envoy.filters.http.credential_injector",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
        ...config,
        credential: {
          name: "envoy.http.injected_credentials.generic",
          typed_config: {
            "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
            credential: {
              name: "token",
              sds_config: {
                path_config_source: { path: join(folder, "sds.json"), watched_directory: { path: folder } },
              },
            },
            header_value_prefix: "Bearer ",
          },
        },
      },
    },
    {
      name: "envoy.filters.http.upstream_codec",
      typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec" },
    },
  ];
}

async function writeRenamed(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
