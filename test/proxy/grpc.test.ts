import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  type handleUnaryCall,
  Metadata,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { afterEach, expect, test } from "vitest";
import { type Nuncio, startNuncio } from "./nuncio.ts";

// Client and server are @grpc/grpc-js's, messages are plain bytes.

test("unary, with metadata both ways", async () => {
  const { client } = await start();
  const metadata = new Metadata();
  metadata.set("x-mine", "1");
  metadata.set("bytes-bin", Buffer.from([0, 255, 7]));
  const { answer, headers, trailers } = await unary(client, "Echo", "hello", metadata);
  expect(answer).toBe("hello 1 00ff07");
  expect(headers.get("x-initial")).toEqual(["i"]);
  expect(trailers.get("x-trailing")).toEqual(["t"]);
});

test("server, client and bidirectional streams", async () => {
  const { client } = await start();
  const down: ClientReadableStream<string> = client.Count("5");
  expect(await down.toArray()).toEqual(["1", "2", "3", "4", "5"]);

  const sum = await new Promise((resolve, reject) => {
    const up: ClientWritableStream<string> = client.Sum((error: ServiceError | null, answer: string) =>
      error === null ? resolve(answer) : reject(error),
    );
    for (const number of ["1", "2", "39"]) up.write(number);
    up.end();
  });
  expect(sum).toBe("42");

  const both: ClientDuplexStream<string, string> = client.Chat();
  const answers: string[] = [];
  both.on("data", (answer: string) => {
    answers.push(answer);
    // Each answer comes before the next question is asked.
    if (answers.length === 3) both.end();
    else both.write(`q${answers.length}`);
  });
  both.write("q0");
  await new Promise((resolve) => both.once("end", resolve));
  expect(answers).toEqual(["re q0", "re q1", "re q2"]);
});

test("an error's code, message and details pass", async () => {
  const { client } = await start();
  const error = await failure(client, "Fail", "now");
  expect([error.code, error.details]).toEqual([status.FAILED_PRECONDITION, "not “now”"]);
  expect(error.metadata.get("x-why")).toEqual(["because"]);
});

test("a deadline and a cancel reach the server", async () => {
  const { client, cancelled } = await start();
  const late = await failure(client, "Hang", "wait", { deadline: Date.now() + 200 });
  expect(late.code).toBe(status.DEADLINE_EXCEEDED);
  const call = client.Hang("wait", () => {});
  setTimeout(() => call.cancel(), 100);
  await new Promise((resolve) => call.once("status", resolve));
  await expect.poll(() => cancelled.count).toBe(2);
});

test("a thousand calls at once", async () => {
  const { client, nuncio } = await start();
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, index) => unary(client, "Echo", String(index), new Metadata())),
  );
  expect(answers.map(({ answer }) => answer.split(" ")[0])).toEqual(answers.map((_, index) => String(index)));
  expect(await nuncio.stat("cluster.backend.upstream_cx_total")).toBe(1);
});

test("the proxy's own answers are statuses of gRPC", async () => {
  const { client, server } = await start();
  server.forceShutdown();
  const error = await failure(client, "Echo", "hello");
  expect(error.code).toBe(status.UNAVAILABLE);
  expect(error.details).toContain("upstream connect error");
});

const running: Nuncio[] = [];
const servers: Server[] = [];
const clients: GenericClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(running.splice(0).map((nuncio) => nuncio.stop()));
  for (const server of servers.splice(0)) server.forceShutdown();
});

// biome-ignore lint/suspicious/noExplicitAny: grpc-js makes the methods at run time.
type GenericClient = any;

async function start(): Promise<{
  nuncio: Nuncio;
  client: GenericClient;
  server: Server;
  cancelled: { count: number };
}> {
  const cancelled = { count: 0 };
  const server = new Server();
  servers.push(server);
  server.addService(service, handlers(cancelled) as never);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const nuncio = await startNuncio({
    backendPort: port,
    args: ["--concurrency", "1"],
    cluster: { http2_protocol_options: {} },
  });
  running.push(nuncio);
  const Client = makeGenericClientConstructor(service, "Test");
  const client: GenericClient = new Client(`127.0.0.1:${nuncio.port}`, credentials.createInsecure());
  clients.push(client);
  return { nuncio, client, server, cancelled };
}

function handlers(cancelled: { count: number }): Record<string, unknown> {
  const Echo: handleUnaryCall<string, string> = (call, answer) => {
    const initial = new Metadata();
    initial.set("x-initial", "i");
    call.sendMetadata(initial);
    const trailing = new Metadata();
    trailing.set("x-trailing", "t");
    const bytes = call.metadata.get("bytes-bin")[0] as Buffer | undefined;
    answer(null, `${call.request} ${call.metadata.get("x-mine")[0] ?? ""} ${bytes?.toString("hex") ?? ""}`, trailing);
  };
  return {
    Echo,
    Count(call: ServerWritableStream<string, string>) {
      for (let i = 1; i <= Number(call.request); i++) call.write(String(i));
      call.end();
    },
    Sum(call: ServerReadableStream<string, string>, answer: sendUnaryData<string>) {
      let sum = 0;
      call.on("data", (number: string) => (sum += Number(number)));
      call.on("end", () => answer(null, String(sum)));
    },
    Chat(call: ServerDuplexStream<string, string>) {
      call.on("data", (question: string) => call.write(`re ${question}`));
      call.on("end", () => call.end());
    },
    Fail(_call: unknown, answer: sendUnaryData<string>) {
      const metadata = new Metadata();
      metadata.set("x-why", "because");
      answer({ code: status.FAILED_PRECONDITION, details: "not “now”", metadata });
    },
    Hang(call: { on(event: "cancelled", listener: () => void): void }) {
      call.on("cancelled", () => cancelled.count++);
    },
  };
}

interface UnaryAnswer {
  answer: string;
  headers: Metadata;
  trailers: Metadata;
}

function unary(client: GenericClient, method: string, request: string, metadata: Metadata): Promise<UnaryAnswer> {
  return new Promise((resolve, reject) => {
    const seen: { headers: Metadata; trailers: Metadata; answer: string } = {
      headers: new Metadata(),
      trailers: new Metadata(),
      answer: "",
    };
    const call = client[method](request, metadata, (error: ServiceError | null, answer: string) => {
      if (error !== null) reject(error);
      seen.answer = answer;
    });
    call.on("metadata", (headers: Metadata) => (seen.headers = headers));
    call.on("status", ({ metadata: trailers }: { metadata: Metadata }) => {
      seen.trailers = trailers;
      resolve(seen);
    });
  });
}

function failure(client: GenericClient, method: string, request: string, options: object = {}): Promise<ServiceError> {
  return new Promise((resolve) => {
    client[method](request, new Metadata(), options, (error: ServiceError) => resolve(error));
  });
}

function method(name: string, requestStream: boolean, responseStream: boolean): object {
  const bytes = (text: string) => Buffer.from(text);
  const text = (buffer: Buffer) => buffer.toString();
  return {
    path: `/test.Test/${name}`,
    requestStream,
    responseStream,
    requestSerialize: bytes,
    requestDeserialize: text,
    responseSerialize: bytes,
    responseDeserialize: text,
  };
}

const service = {
  Echo: method("Echo", false, false),
  Count: method("Count", false, true),
  Sum: method("Sum", true, false),
  Chat: method("Chat", true, true),
  Fail: method("Fail", false, false),
  Hang: method("Hang", false, false),
} as never;
