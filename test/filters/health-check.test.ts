import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { requirePeer } from "../peers.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";

/** What a test on one bootstrap for both proxies cannot say: the log filter, and a process that fails and recovers. */
const running: Nuncio[] = [];
afterEach(() => Promise.all(running.splice(0).map((proxy) => proxy.stop())));

describe.each(["nuncio", "envoy"] as const)("%s", (name) => {
  test("health checks are not logged where the log asks for it, and answers follow /healthcheck", async (context) => {
    const binary = name === "envoy" ? { binary: requirePeer("envoy", context) } : {};
    const backend = createServer((_request, response) => response.end("ok"));
    await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
    context.onTestFinished(() => void backend.close());
    const proxy = await startNuncio({
      backendPort: (backend.address() as AddressInfo).port,
      args: ["--concurrency", "1", "--file-flush-interval-msec", "20"],
      manager: { http_filters: filters, access_log: [log] },
      ...binary,
    });
    running.push(proxy);
    const get = async (path: string): Promise<string> => {
      const answer = await fetch(`http://127.0.0.1:${proxy.port}${path}`);
      await answer.text();
      return `${answer.status} ${answer.headers.get("x-envoy-immediate-health-check-fail")}`;
    };
    expect([await get("/healthy"), await get("/else")]).toEqual(["200 null", "200 null"]);
    await proxy.admin("/healthcheck/fail", "POST");
    await expect.poll(() => get("/healthy")).toBe("503 true");
    expect(await get("/else")).toBe("200 true");
    await proxy.admin("/healthcheck/ok", "POST");
    await expect.poll(() => get("/healthy")).toBe("200 null");
    expect(await get("/else")).toBe("200 null");
    await expect.poll(() => proxy.output().match(/^path .*$/gm)).toEqual(["path /else", "path /else", "path /else"]);
  });
});

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const filters = [
  {
    name: "health",
    typed_config: {
      "@type": `${http}health_check.v3.HealthCheck`,
      pass_through_mode: false,
      headers: [{ name: ":path", string_match: { exact: "/healthy" } }],
    },
  },
  { name: "router", typed_config: { "@type": `${http}router.v3.Router` } },
];
const log = {
  name: "stdout",
  filter: { not_health_check_filter: {} },
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
    log_format: { text_format_source: { inline_string: "path %REQ(:PATH)%\n" } },
  },
};
