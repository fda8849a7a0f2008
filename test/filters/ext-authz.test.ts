import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { expect, type TestContext, test } from "vitest";
import { type AuthzService, startAuthzService } from "../authz-service.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";

// What one request at a time cannot show of an authorization service: that calls end, and that nothing stays behind.

for (const kind of ["grpc", "http"] as const) {
  test(`${kind}: a client that goes takes its question along`, async (context) => {
    const service = await startAuthzService();
    context.onTestFinished(() => service.close());
    const proxy = await start(context, service, kind, {}, "60s");
    const client = connect(proxy.port, "127.0.0.1");
    client.write("POST / HTTP/1.1\r\nhost: a\r\nauthorization: silent\r\ncontent-length: 5\r\n\r\nhe");
    await expect.poll(() => service.calls.open).toBe(1);
    client.destroy();
    await expect.poll(() => service.calls.open).toBe(0);
    expect(service.calls.cancelled).toBe(1);
    await expect.poll(() => proxy.stat("cluster.service.upstream_rq_active")).toBe(0);
  });

  test(`${kind}: a body beyond the buffer limit waits, and comes whole`, async (context) => {
    const service = await startAuthzService();
    context.onTestFinished(() => service.close());
    const proxy = await start(context, service, kind, {}, "60s");
    const { status, text } = await send(proxy, undefined, "slow:200", Buffer.alloc(3_000_000, "x"));
    expect([status, text]).toEqual([200, "3000000"]);
  });

  test(`${kind}: five thousand questions to a service that is slow, wrong or gone leave nothing behind`, {
    timeout: 120_000,
  }, async (context) => {
    const service = await startAuthzService();
    const body = { max_request_bytes: 100, allow_partial_message: true };
    const more = { failure_mode_allow: true, with_request_body: body };
    const proxy = await start(context, service, kind, more, "0.05s");
    const agent = new Agent({ keepAlive: true, maxSockets: 40 });
    context.onTestFinished(() => agent.destroy());
    const words = ["unasked", "garbage raw:x", "reset", "grpc:14 status:503", "nothing body:x", "unasked meta:a=b"];
    const sendMany = async (count: number) => {
      const answers = await Promise.all(
        Array.from({ length: count }, (_, i) =>
          send(proxy, agent, i % 50 === 0 ? "silent" : (words[i % 6] ?? ""), Buffer.alloc(i % 300)),
        ),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    };
    // What the compiler and the young heap take comes first.
    for (let round = 0; round < 3; round++) await sendMany(1000);
    const before = proxy.rssMib();
    await sendMany(1000);
    service.close();
    await sendMany(1000);
    await expect.poll(() => proxy.stat("cluster.service.upstream_rq_active")).toBe(0);
    expect(await proxy.stat("cluster.service.upstream_rq_pending_active")).toBe(0);
    expect(await proxy.stat("http.in.downstream_rq_active")).toBe(0);
    const [ok, error, allowed] = await Promise.all(
      ["ok", "error", "failure_mode_allowed"].map((name) => proxy.stat(`http.in.ext_authz.${name}`)),
    );
    expect((ok ?? 0) + (error ?? 0)).toBe(5000);
    expect(error).toBe(allowed);
    expect(error).toBeGreaterThan(2500);
    expect(service.calls.open).toBe(0);
    expect(proxy.rssMib() - before).toBeLessThan(40);
  });
}

test("the filter state tells the bytes of a check by gRPC, and none of one by HTTP", async (context) => {
  const service = await startAuthzService();
  context.onTestFinished(() => service.close());
  const checks = [1000, 1100, 1100].map((length) => "x".repeat(length));
  for (const kind of ["grpc", "http"] as const) {
    const proxy = await start(context, service, kind, { emit_filter_state_stats: true }, "60s");
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    context.onTestFinished(() => agent.destroy());
    // The first ones fill HPACK's table.
    for (const words of [...checks, ...checks]) await send(proxy, agent, `unasked ${words}`, Buffer.alloc(0));
    const lines = async () => readFileSync(join(proxy.folder, "log"), "latin1").trim().split("\n");
    await expect.poll(async () => (await lines()).length).toBe(6);
    const [sent, received] = [0, 1].map(
      (at) => async () => (await lines()).slice(3).map((line) => line.split(" ")[at]),
    );
    if (kind === "http") {
      expect([await sent?.(), await received?.()]).toEqual([Array(3).fill("-"), Array(3).fill("-")]);
      continue;
    }
    const bytes = ((await sent?.()) ?? []).map(Number);
    // Nothing but the field is longer, and the lengths of messages around it have as many digits.
    expect([(bytes[1] ?? 0) - (bytes[0] ?? 0), (bytes[2] ?? 0) - (bytes[1] ?? 0)]).toEqual([100, 0]);
    expect(new Set(await received?.()).size).toBe(1);
  }
});

async function start(
  context: TestContext,
  service: AuthzService,
  kind: "grpc" | "http",
  config: object,
  timeout: string,
): Promise<Nuncio> {
  const backend = createServer(async (incoming, response) => {
    let bytes = 0;
    for await (const part of incoming) bytes += part.length;
    response.end(String(bytes));
  });
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
  context.onTestFinished(() => void backend.close());
  const { port } = backend.address() as AddressInfo;
  const proxy = await startNuncio({
    backendPort: port,
    args: ["--concurrency", "1", "--file-flush-interval-msec", "20"],
    accessLog: "log",
    logFormat: "%FILTER_STATE(authz:FIELD:bytesSent)% %FILTER_STATE(authz:FIELD:bytesReceived)%",
    manager: { http_filters: filters(kind, config, timeout) },
    clusters: [
      cluster("backend", port),
      { ...cluster("service", service.port), ...(kind === "grpc" ? { http2_protocol_options: {} } : {}) },
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

function filters(kind: "grpc" | "http", config: object, timeout: string): object[] {
  const http = "type.googleapis.com/envoy.extensions.filters.http.";
  const service =
    kind === "grpc"
      ? { grpc_service: { envoy_grpc: { cluster_name: "service" }, timeout }, transport_api_version: "V3" }
      : { http_service: { server_uri: { uri: "http://authz/", cluster: "service", timeout } } };
  return [
    { name: "authz", typed_config: { "@type": `${http}ext_authz.v3.ExtAuthz`, ...service, ...config } },
    { name: "router", typed_config: { "@type": `${http}router.v3.Router` } },
  ];
}

function send(
  proxy: Nuncio,
  agent: Agent | undefined,
  words: string,
  body: Buffer,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: words, "content-length": body.length };
    const options = { method: "POST", host: "127.0.0.1", port: proxy.port, headers, ...(agent ? { agent } : {}) };
    const sent = request(options, (response) => {
      let text = "";
      response.setEncoding("latin1").on("data", (part) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
