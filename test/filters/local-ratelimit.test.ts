import { Agent, createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { startNuncio } from "../proxy/nuncio.ts";

// What one connection to one worker cannot show: workers share their buckets to the token, and buckets fill.

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const all = { default_value: { numerator: 100 } };
const slow = (max_tokens: number) => ({ max_tokens, fill_interval: "1000s" });
const filters = (config: object) => [
  {
    name: "limit",
    typed_config: {
      "@type": `${http}local_ratelimit.v3.LocalRateLimit`,
      stat_prefix: "limit",
      filter_enabled: all,
      filter_enforced: all,
      ...config,
    },
  },
  { name: "router", typed_config: { "@type": `${http}router.v3.Router` } },
];

test("three workers give out each token once, of the default bucket and of each user's", async (context) => {
  const backend = createServer((_request, response) => response.end("ok"));
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  context.onTestFinished(() => void backend.close());
  const proxy = await startNuncio({
    backendPort: (backend.address() as AddressInfo).port,
    args: ["--concurrency", "3"],
    manager: {
      http_filters: filters({
        token_bucket: slow(70),
        always_consume_default_token_bucket: false,
        max_dynamic_descriptors: 3,
        descriptors: [{ entries: [{ key: "user" }], token_bucket: slow(11) }],
        rate_limits: [{ actions: [{ request_headers: { header_name: "x-user", descriptor_key: "user" } }] }],
      }),
    },
  });
  context.onTestFinished(() => proxy.stop());
  const users = ["", "ann", "bob", "cat"];
  const statuses = new Map<string, number[]>(users.map((user) => [user, []]));
  // Each connection is taken by some worker.
  await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let j = 0; j < 12; j++) {
        const user = users[(i + j) % users.length] as string;
        statuses.get(user)?.push(await status(proxy.port, agent, user));
      }
      agent.destroy();
    }),
  );
  const allowed = users.map((user) => statuses.get(user)?.filter((code) => code === 200).length);
  expect(allowed).toEqual([70, 11, 11, 11]);
  expect([...statuses.values()].flat().filter((code) => code === 429)).toHaveLength(480 - 103);
  await expect.poll(() => proxy.stat("limit.http_local_rate_limit.ok")).toBe(103);
  await expect.poll(() => proxy.stat("limit.http_local_rate_limit.rate_limited")).toBe(480 - 103);
});

test("a bucket fills again, and what is there is told", async (context) => {
  const backend = createServer((_request, response) => response.end("ok"));
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  context.onTestFinished(() => void backend.close());
  const proxy = await startNuncio({
    backendPort: (backend.address() as AddressInfo).port,
    args: ["--concurrency", "1"],
    manager: { http_filters: filters({ token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: "0.5s" } }) },
  });
  context.onTestFinished(() => proxy.stop());
  const agent = new Agent({ keepAlive: true });
  context.onTestFinished(() => agent.destroy());
  expect(await status(proxy.port, agent, "")).toBe(200);
  expect(await status(proxy.port, agent, "")).toBe(429);
  await expect.poll(() => status(proxy.port, agent, ""), { timeout: 5000 }).toBe(200);
});

function status(port: number, agent: Agent, user: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = user === "" ? {} : { "x-user": user };
    get({ host: "127.0.0.1", port, agent, headers }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    }).on("error", reject);
  });
}
