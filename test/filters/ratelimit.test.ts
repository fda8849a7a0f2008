import { once } from "node:events";
import { Agent, createServer, get } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, type TestContext, test } from "vitest";
import { RateLimitResponse_Code } from "../../src/proto/generated/envoy/service/ratelimit/v3/rls_pb.ts";
import { requirePeer } from "../peers.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";
import { allowed, type RateLimitService, startRateLimitService } from "../rate-limit-service.ts";
import { Redis } from "../redis.ts";

// What one request at a time cannot show of a rate limit service: that it is shared, that calls end, that nothing stays behind.

test("two processes with two workers each share the limits of one service, which counts in Redis", async (context) => {
  const redis = await Redis.start(requirePeer("redis-server", context));
  context.onTestFinished(() => redis.stop());
  const service = await startRateLimitService(async ({ domain, descriptors }) => {
    const count = await redis.increment(`${domain} ${descriptors[0]?.entries.map(({ value }) => value)}`);
    const verdict = allowed();
    if (count > 25) verdict.response.overallCode = RateLimitResponse_Code.OVER_LIMIT;
    return verdict;
  });
  context.onTestFinished(() => service.close());
  const proxies = await Promise.all([start(context, service, 2), start(context, service, 2)]);
  const statuses = await Promise.all(
    Array.from({ length: 120 }, (_, i) => status(proxies[i % 2] as Nuncio, undefined, i % 4 < 2 ? "ann" : "bob")),
  );
  expect(statuses.filter((code) => code === 200)).toHaveLength(50);
  expect(statuses.filter((code) => code === 429)).toHaveLength(70);
  const counted = async (name: string) =>
    (await Promise.all(proxies.map((proxy) => proxy.stat(`cluster.backend.ratelimit.${name}`)))).reduce(
      (a, b) => a + (b || 0),
      0,
    );
  await expect.poll(() => counted("ok")).toBe(50);
  await expect.poll(() => counted("over_limit")).toBe(70);
});

test("a client that goes takes its question along", async (context) => {
  const service = await startRateLimitService(() => ({ ...allowed(), end: "silent" }));
  context.onTestFinished(() => service.close());
  const proxy = await start(context, service, 1, { timeout: "60s" });
  const client = connect(proxy.port, "127.0.0.1");
  client.write("POST / HTTP/1.1\r\nhost: a\r\nx-user: ann\r\ncontent-length: 5\r\n\r\nhe");
  await expect.poll(() => service.calls.open).toBe(1);
  client.destroy();
  await expect.poll(() => service.calls.open).toBe(0);
  expect(service.calls.cancelled).toBe(1);
  await expect.poll(() => proxy.stat("cluster.service.upstream_rq_active")).toBe(0);
});

test("ten thousand questions to a service that is slow, wrong or gone leave nothing behind", {
  timeout: 120_000,
}, async (context) => {
  let asked = 0;
  const service = await startRateLimitService(() => {
    const verdict = allowed();
    asked++;
    if (asked % 5 === 1) return { ...verdict, raw: Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]) };
    if (asked % 5 === 2) return { ...verdict, grpcStatus: 14 };
    if (asked % 50 === 3) return { ...verdict, end: "silent" };
    if (asked % 50 === 4) return { ...verdict, end: "reset" };
    return verdict;
  });
  const proxy = await start(context, service, 1, { timeout: "0.05s" });
  const agent = new Agent({ keepAlive: true, maxSockets: 40 });
  context.onTestFinished(() => agent.destroy());
  const send = async (count: number) => {
    const statuses = await Promise.all(Array.from({ length: count }, () => status(proxy, agent, "ann")));
    expect(new Set(statuses)).toEqual(new Set([200]));
  };
  await send(2000);
  const before = proxy.rssMib();
  for (let round = 0; round < 4; round++) await send(1500);
  service.close();
  for (let round = 0; round < 2; round++) await send(1000);
  await expect.poll(() => proxy.stat("cluster.service.upstream_rq_active")).toBe(0);
  expect(await proxy.stat("cluster.service.upstream_rq_pending_active")).toBe(0);
  expect(await proxy.stat("http.in.downstream_rq_active")).toBe(0);
  const [ok, error, allowedAnyway] = await Promise.all(
    ["ok", "error", "failure_mode_allowed"].map((name) => proxy.stat(`cluster.backend.ratelimit.${name}`)),
  );
  expect((ok ?? 0) + (error ?? 0)).toBe(10_000);
  expect(error).toBe(allowedAnyway);
  expect(error).toBeGreaterThan(4000);
  expect(service.calls.open).toBe(0);
  expect(proxy.rssMib() - before).toBeLessThan(40);
});

async function start(
  context: TestContext,
  service: RateLimitService,
  workers: number,
  config: object = {},
): Promise<Nuncio> {
  const backend = createServer((_request, response) => response.end("ok"));
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
  context.onTestFinished(() => void backend.close());
  const proxy = await startNuncio({
    backendPort: (backend.address() as AddressInfo).port,
    args: ["--concurrency", String(workers)],
    manager: { http_filters: filters(config) },
    clusters: [
      cluster("backend", (backend.address() as AddressInfo).port),
      { ...cluster("service", service.port), http2_protocol_options: {} },
    ],
  });
  context.onTestFinished(() => proxy.stop());
  return proxy;
}

function cluster(name: string, port: number): object {
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  const load_assignment = { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] };
  return { name, type: "STATIC", load_assignment };
}

function filters(config: object): object[] {
  const http = "type.googleapis.com/envoy.extensions.filters.http.";
  return [
    {
      name: "limit",
      typed_config: {
        "@type": `${http}ratelimit.v3.RateLimit`,
        domain: "tests",
        timeout: "5s",
        rate_limit_service: {
          grpc_service: { envoy_grpc: { cluster_name: "service" } },
          transport_api_version: "V3",
        },
        rate_limits: [{ actions: [{ request_headers: { header_name: "x-user", descriptor_key: "user" } }] }],
        ...config,
      },
    },
    { name: "router", typed_config: { "@type": `${http}router.v3.Router` } },
  ];
}

function status(proxy: Nuncio, agent: Agent | undefined, user: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: proxy.port, headers: { "x-user": user }, ...(agent ? { agent } : {}) };
    get(options, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    }).on("error", reject);
  });
}
