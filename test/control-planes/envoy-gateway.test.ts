import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { Client, credentials, Metadata, Server, ServerCredentials, type ServiceError, status } from "@grpc/grpc-js";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startAuthzService } from "../authz-service.ts";
import { freePorts } from "../differential/process.ts";
import { requirePeer } from "../peers.ts";
import { Authority, type CertificateFiles } from "../proxy/certificates.ts";
import { Load } from "../proxy/load.ts";
import { gatewayPolicies } from "./gateway-policies.ts";
import { gatewayResources } from "./gateway-resources.ts";
import { gatewaySecurity } from "./gateway-security.ts";

// The real Envoy Gateway starts a proxy as its Envoy by examples/envoy-gateway/run and drives it from Gateway API resources: Nuncio, and Envoy itself.

const repository = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "nuncio-envoy-gateway-"));
const authority = new Authority(folder);
const certificates = [authority.issue("one", "DNS:shop.example"), authority.issue("two", "DNS:shop.example")] as const;

/** Says what it was asked, after `delay` ms of the path's query. */
const backends = ["app", "other"].map((name) =>
  createServer((incoming, response) => {
    seen.push(name);
    const delay = Number(/delay=(\d+)/.exec(incoming.url ?? "")?.[1] ?? 0);
    setTimeout(() => response.end(JSON.stringify({ name, url: incoming.url, headers: incoming.headers })), delay);
  }),
);
const seen: string[] = [];
let gateway: Gateway | undefined;
const grpc = new Server();
const ports: { app: number; other: number; grpc: number } = { app: 0, other: 0, grpc: 0 };

beforeAll(async () => {
  const [app, other] = await Promise.all(
    backends.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  const pass = (bytes: Buffer) => bytes;
  const method = {
    requestStream: false,
    responseStream: false,
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  };
  grpc.addService(
    { say: { path: "/test.Echo/Say", ...method } },
    { say: (call: { request: Buffer }, answer: (e: null, b: Buffer) => void) => answer(null, call.request) },
  );
  const grpcPort = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
  Object.assign(ports, { app, other, grpc: grpcPort });
});

afterAll(() => {
  for (const server of backends) {
    server.closeAllConnections();
    server.close();
  }
  grpc.forceShutdown();
  rmSync(folder, { recursive: true });
});

afterEach(async () => {
  await gateway?.stop();
});

test("the example, as its comments say", { timeout: 90_000 }, async (context) => {
  requirePeer("envoy-gateway", context);
  const resources = mkdtempSync(join(folder, "example-"));
  cpSync(join(repository, "examples/envoy-gateway/resources"), resources, { recursive: true });
  const file = join(resources, "gateway.yaml");
  const [port = 0] = await freePorts(1);
  const text = readFileSync(file, "utf8").replaceAll("8888", String(port)).replaceAll("10080", String(ports.app));
  writeFileSync(file, text);
  gateway = new Gateway(resources, undefined);
  await until(async () => (await ask(port, "/api/items")).status === 200);
  const answer = await ask(port, "/api/items");
  expect([answer.url, answer.fields["x-served-by"]]).toEqual(["/v1/items", "nuncio"]);
  expect((await ask(port, "/old")).fields.location).toBe(`http://127.0.0.1:${port}/api`);
  replace(file, text.replace("value: nuncio", "value: another"));
  await until(async () => (await ask(port, "/api/items")).fields["x-served-by"] === "another");
});

describe.each(["nuncio", "envoy"] as const)("with %s as its Envoy", (proxy) => {
  test("Gateways, HTTPRoutes, a GRPCRoute, TLS by a Secret, and edits under load", {
    timeout: 120_000,
  }, async (context) => {
    requirePeer("envoy-gateway", context);
    const program = proxy === "envoy" ? requirePeer("envoy", context) : undefined;
    const [http = 0, https = 0, added = 0] = await freePorts(3);
    const resources = mkdtempSync(join(folder, `${proxy}-`));
    const file = join(resources, "all.yaml");
    const write = (version: string, secret: CertificateFiles, listeners: number[]) =>
      replace(file, gatewayResources({ version, secret, http, https, ports, listeners }));
    write("0", certificates[0], []);
    gateway = new Gateway(resources, program);
    await until(async () => (await ask(http, "/")).status === 200);
    const head = { "x-a": "1", "x-gone": "here", "x-add": "before" };

    const exact = await ask(http, "/exact?q=v", { headers: head });
    expect([
      exact.status,
      exact.fields["x-resp"],
      exact.seen["x-set"],
      exact.seen["x-add"],
      exact.seen["x-gone"],
    ]).toEqual([200, "r", "s", "before, a", undefined]);
    for (const [path, options] of [
      ["/exact?q=w", { headers: head }],
      ["/exact?q=v", {}],
      ["/exact?q=v", { headers: head, method: "POST" }],
    ] as const) {
      const answer = await ask(http, path, options);
      expect([answer.status, answer.fields["x-resp"], answer.fields["x-version"]]).toEqual([200, undefined, "0"]);
    }
    expect((await ask(http, "/redirect/x?y")).fields.location).toBe("https://to.example:444/there/x?y");
    const rewritten = await ask(http, "/rewrite/a?b");
    expect([rewritten.url, rewritten.seen.host]).toEqual(["/inner/a?b", "in.example"]);
    seen.length = 0;
    expect((await ask(http, "/mirror")).status).toBe(200);
    await until(async () => seen.length === 2);
    expect(seen.toSorted()).toEqual(["app", "other"]);
    expect((await ask(http, "/slow?delay=2000")).status).toBe(504);
    expect((await ask(http, "/slow?delay=0")).status).toBe(200);
    expect((await ask(http, "/nobody")).status).toBe(500);
    seen.length = 0;
    for (let i = 0; i < 80; i++) expect((await ask(http, `/re/${i}`)).status).toBe(200);
    expect(seen.filter((name) => name === "other").length).toSatisfy((n: number) => n > 5 && n < 40);
    expect((await ask(http, "/re/x")).fields["x-version"]).toBe("0");

    const preflight = {
      method: "OPTIONS",
      headers: { origin: "https://a.example", "access-control-request-method": "PUT" },
    };
    const allowed = await ask(http, "/cors", preflight);
    expect([
      allowed.status,
      allowed.fields["access-control-allow-origin"],
      allowed.fields["access-control-max-age"],
    ]).toEqual([200, "https://a.example", "60"]);

    expect(await say(http, "/test.Echo/Say")).toBe("hello");
    expect(await say(http, "/test.Echo/Other")).toBe(status.UNIMPLEMENTED);

    expect(await subject(https)).toBe("one");
    const load = new Load(http, { keepAlive: 6, newConnection: 2 });
    for (let version = 1; version <= edits; version++) {
      write(String(version), certificates[(version % 2) as 0 | 1], version % 4 < 2 ? [] : [added]);
      await until(async () => (await ask(http, "/")).fields["x-version"] === String(version));
      const name = ["one", "two"][version % 2];
      await until(async () => (await subject(https)) === name);
      await until(async () => ((await ask(added, "/")).status === 200) === version % 4 >= 2);
    }
    await load.stop();
    console.log(`${proxy}: ${edits} edits, ${load.sum("answered")} answered, ${load.sum("failed")} failed`);
    expect([load.sum("failed"), load.sum("refused")]).toEqual([0, 0]);
    expect((await ask(19003, "/ready")).status).toBe(200);
  });

  test("SecurityPolicies and BackendTrafficPolicies", { timeout: 90_000 }, async (context) => {
    requirePeer("envoy-gateway", context);
    const program = proxy === "envoy" ? requirePeer("envoy", context) : undefined;
    const [http = 0] = await freePorts(1);
    const resources = mkdtempSync(join(folder, `${proxy}-policies-`));
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k", alg: "ES256" }] });
    replace(join(resources, "all.yaml"), gatewayPolicies({ http, app: ports.app, jwks }));
    gateway = new Gateway(resources, program);
    await until(async () => (await ask(http, "/plain")).status === 200);
    const tokenFor = (audience: string) =>
      new SignJWT({ iss: "https://issuer.test", sub: "ann", aud: audience })
        .setProtectedHeader({ alg: "ES256", kid: "k" })
        .sign(privateKey);
    const get = async (path: string, headers: object = {}) => (await ask(http, path, { headers })).status;

    const bearer = async (audience: string) => ({ headers: { authorization: `Bearer ${await tokenFor(audience)}` } });
    const denied = await ask(http, "/jwt");
    expect([denied.status, denied.fields["www-authenticate"]]).toEqual([
      401,
      `Bearer realm="http://127.0.0.1:${http}/jwt"`,
    ]);
    const known = await ask(http, "/jwt", await bearer("app"));
    expect([known.status, known.seen["x-sub"]]).toEqual([200, "ann"]);
    expect((await ask(http, "/jwt", await bearer("other"))).status).toBe(403);

    expect([await get("/limit"), await get("/limit"), await get("/limit"), await get("/limit")]).toEqual([
      200, 200, 200, 429,
    ]);
    const one = { "x-user": "one" };
    expect([await get("/user-limit", one), await get("/user-limit", one), await get("/user-limit")]).toEqual([
      200, 429, 200,
    ]);
    for (const each of ["a", "b"]) {
      const headers = { "x-each": each };
      expect([
        await get("/user-limit", headers),
        await get("/user-limit", headers),
        await get("/user-limit", headers),
      ]).toEqual([200, 200, 429]);
    }

    expect(await get("/abort")).toBe(418);
    const began = performance.now();
    expect(await get("/delay")).toBe(200);
    expect(performance.now() - began).toBeGreaterThan(290);
    const cors = await ask(http, "/cors", { headers: { origin: "https://a.example" } });
    expect([cors.fields["access-control-allow-origin"], cors.fields["access-control-expose-headers"]]).toEqual([
      "https://a.example",
      "x-a",
    ]);
  });

  test("policies about who may ask, about bodies and clients", { timeout: 90_000 }, async (context) => {
    requirePeer("envoy-gateway", context);
    const program = proxy === "envoy" ? requirePeer("envoy", context) : undefined;
    const [http = 0] = await freePorts(1);
    const resources = mkdtempSync(join(folder, `${proxy}-security-`));
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "k", alg: "ES256" }] });
    const authz = await startAuthzService();
    context.onTestFinished(() => authz.close());
    replace(join(resources, "all.yaml"), gatewaySecurity({ http, app: ports.app, authz: authz.port }, jwks));
    gateway = new Gateway(resources, program);
    await until(async () => (await ask(http, "/plain")).status === 200);
    const get = async (path: string, headers: object = {}) => (await ask(http, path, { headers })).status;
    const bearer = async (sub: string) => {
      const token = new SignJWT({ iss: "https://issuer.test", sub }).setProtectedHeader({ alg: "ES256", kid: "k" });
      return { authorization: `Bearer ${await token.sign(privateKey)}` };
    };

    expect((await ask(http, "/plain")).seen["x-early"]).toBe("bird");
    expect([await get("/cidr"), await get("/cidr", { "x-client": "10.1.2.3" })]).toEqual([403, 200]);
    expect([await get("/header", { "x-team": "c" }), await get("/header", { "x-team": "b" })]).toEqual([403, 200]);
    expect([await get("/cel"), await get("/cel", { "x-cel": "yes" })]).toEqual([403, 200]);
    expect([
      await get("/claim"),
      await get("/claim", await bearer("joe")),
      await get("/claim", await bearer("ann")),
    ]).toEqual([401, 403, 200]);
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });
    expect([await get("/basic"), await get("/basic", basic("ann:secret"))]).toEqual([401, 200]);
    expect([await get("/key", { "x-key": "no" }), await get("/key", { "x-key": "the-key" })]).toEqual([401, 200]);
    for (const [kind, word] of [
      ["http", "field:x-user=ann"],
      ["grpc", "uset:x-user=ann"],
    ]) {
      expect(await get(`/${kind}-auth`, { authorization: "deny:418" })).toBe(418);
      expect(await get(`/${kind}-auth`, { authorization: "reset" })).toBe(403);
      const passed = await ask(http, `/${kind}-auth`, { headers: { authorization: word } });
      expect([passed.status, passed.seen["x-user"]]).toEqual([200, "ann"]);
    }
    const posted = async (body: string) => (await ask(http, "/buffer", { method: "POST", body })).status;
    expect([await posted("12345678"), await posted("123456789")]).toEqual([200, 413]);
    const overridden = await ask(http, "/override");
    expect([overridden.status, overridden.seen.x, overridden.fields["content-type"]]).toEqual([
      209,
      "replaced",
      "application/json",
    ]);
    expect((await ask(http, "/plain")).fields["set-cookie"]).toEqual([expect.stringMatching(/^stay="/)]);
    const zipped = await ask(http, "/zip", { headers: { "accept-encoding": "br;q=0.5, gzip" } });
    expect([zipped.status, zipped.fields["content-encoding"], zipped.fields.vary]).toEqual([
      200,
      "gzip",
      "Accept-Encoding",
    ]);
  });
});

const edits = 8;

/** Envoy Gateway and what it started. */
class Gateway {
  readonly #child: ChildProcess;
  #output = "";

  constructor(resources: string, program: string | undefined) {
    const state = mkdtempSync(join(folder, "state-"));
    this.#child = spawn(join(repository, "examples/envoy-gateway/run"), [resources, state], {
      env: { ...process.env, ...(program === undefined ? {} : { NUNCIO_BIN: program }) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (data: Buffer) => {
      this.#output = (this.#output + data.toString()).slice(-20_000);
    };
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
  }

  /** Its last words. */
  output(): string {
    return this.#output;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await gone;
  }
}

/** At once, for whoever reads it. */
function replace(file: string, text: string): void {
  const next = join(folder, "next.yaml");
  writeFileSync(next, text);
  renameSync(next, file);
}

interface Answer {
  status: number;
  fields: IncomingHttpHeaders;
  /** What the backend got; empty where it got nothing. */
  url: string;
  seen: IncomingHttpHeaders;
}

/** Status 0 where nobody answers. */
function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: object; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    const none: Answer = { status: 0, fields: {}, url: "", seen: {} };
    const outgoing = request({ host: "127.0.0.1", port, path, agent: false, ...(options as object) }, (response) => {
      let body = "";
      response.on("data", (data) => (body += data));
      response.on("end", () => {
        const told = body.startsWith("{") ? (JSON.parse(body) as { url: string; headers: IncomingHttpHeaders }) : null;
        resolve({
          status: response.statusCode ?? 0,
          fields: response.headers,
          url: told?.url ?? "",
          seen: told?.headers ?? {},
        });
      });
      response.on("error", () => resolve(none));
    });
    outgoing.on("error", () => resolve(none));
    outgoing.end(options.body);
  });
}

/** The answer of a unary call, or its status where that is not OK. */
async function say(port: number, path: string): Promise<string | status> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.default_authority": "grpc.example",
  });
  const pass = (bytes: Buffer) => bytes;
  const answer = await new Promise<string | status>((resolve) => {
    client.makeUnaryRequest(path, pass, pass, Buffer.from("hello"), new Metadata(), (error: ServiceError | null, got) =>
      resolve(error === null ? String(got) : error.code),
    );
  });
  client.close();
  return answer;
}

/** The common name of the certificate that a listener shows. */
function subject(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, servername: "shop.example", rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject?.CN));
      socket.destroy();
    });
    socket.on("error", () => resolve(""));
  });
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`it never came to be:\n${gateway?.output()}`);
}
