import { type handleUnaryCall, Server, ServerCredentials, type ServerWritableStream, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { peer } from "../peers.ts";
import { type Nuncio, startNuncio } from "../proxy/nuncio.ts";

/** gRPC-Web clients in front of a gRPC server of @grpc/grpc-js over HTTP/2: what fetch gets is the same of Nuncio and of Envoy. */
const server = new Server();
const proxies: Nuncio[] = [];

const envoy = peer("envoy");

describe.skipIf(envoy === null && process.env.CI !== "true")("gRPC-Web", () => {
  beforeAll(async () => {
    server.addService(service(), handlers as never);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const options = {
      backendPort: port,
      args: ["--concurrency", "1"],
      cluster: { http2_protocol_options: {} },
      manager: { http_filters: filters },
    };
    proxies.push(await startNuncio(options), await startNuncio({ ...options, binary: envoy ?? "" }));
  });
  afterAll(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    server.forceShutdown();
  });

  for (const isText of [false, true]) {
    for (const [method, body] of [
      ["Echo", "hello"],
      ["Count", "5"],
      ["Fail", "now"],
      ["Large", "100000"],
      ["None", ""],
    ] as const) {
      test(`${method} as ${isText ? "text" : "binary"}`, async () => {
        const [ours, theirs] = await Promise.all(proxies.map((proxy) => call(proxy, method, body, isText)));
        expect(ours).toEqual(theirs);
        expect(ours?.contentType).toBe(`application/grpc-web${isText ? "-text" : ""}+proto`);
      });
    }
  }

  test("a stream of answers comes as it is made", async () => {
    const [nuncio] = proxies;
    if (nuncio === undefined) throw new Error("no proxy");
    const answer = await request(nuncio, "Wait", "x", false);
    const reader = answer.body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toContain("first");
    release();
    let rest = "";
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read())
      rest += Buffer.from(next.value);
    expect(rest).toContain("second");
    expect(rest).toContain("grpc-status:0");
  });

  test("the stats are Envoy's", async () => {
    const stats = (proxy: Nuncio | undefined) => proxy?.admin("/stats?filter=%5C.grpc(-web)%3F%5C.");
    const theirs = (await stats(proxies[1]))?.body.split("\n");
    // Workers tell the main thread of new names a little later.
    await expect
      .poll(async () => (await stats(proxies[0]))?.body.split("\n").filter((line) => !line.includes(".Wait.")))
      .toEqual(theirs);
  });
});

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const filters = [
  { name: "web", typed_config: { "@type": `${http}grpc_web.v3.GrpcWeb` } },
  { name: "stats", typed_config: { "@type": `${http}grpc_stats.v3.FilterConfig`, stats_for_all_methods: true } },
  { name: "router", typed_config: { "@type": `${http}router.v3.Router` } },
];
let release = (): void => {};

const handlers = {
  Echo: ((call, answer) => answer(null, `re ${call.request}`)) as handleUnaryCall<string, string>,
  Large: ((call, answer) => answer(null, "x".repeat(Number(call.request)))) as handleUnaryCall<string, string>,
  Fail: ((_call, answer) => answer({ code: status.FAILED_PRECONDITION, details: "not “now”" })) as handleUnaryCall<
    string,
    string
  >,
  Count(call: ServerWritableStream<string, string>) {
    for (let i = 1; i <= Number(call.request); i++) call.write(String(i));
    call.end();
  },
  Wait(call: ServerWritableStream<string, string>) {
    call.write("first");
    release = () => {
      call.write("second");
      call.end();
    };
  },
};

function service(): never {
  const text = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => bytes.toString() };
  const method = (name: string, responseStream: boolean) => ({
    path: `/test.Service/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  });
  return {
    Echo: method("Echo", false),
    Large: method("Large", false),
    Fail: method("Fail", false),
    Count: method("Count", true),
    Wait: method("Wait", true),
  } as never;
}

function request(proxy: Nuncio, method: string, message: string, isText: boolean): Promise<Response> {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.write(message, 5);
  const type = `application/grpc-web${isText ? "-text" : ""}`;
  return fetch(`http://127.0.0.1:${proxy.port}/test.Service/${method}`, {
    method: "POST",
    headers: { "content-type": type, accept: type, "x-grpc-web": "1" },
    body: isText ? frame.toString("base64") : frame,
  });
}

async function call(proxy: Nuncio, method: string, message: string, isText: boolean) {
  const answer = await request(proxy, method, message, isText);
  const body = Buffer.from(await answer.arrayBuffer()).toString("latin1");
  const date = /date:[^\r]*\r\n/g;
  return {
    status: answer.status,
    contentType: answer.headers.get("content-type"),
    grpcStatus: answer.headers.get("grpc-status"),
    grpcMessage: answer.headers.get("grpc-message"),
    body: body.replace(date, ""),
  };
}
