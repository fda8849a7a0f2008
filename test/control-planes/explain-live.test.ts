import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { candidateCommand } from "../differential/suite.ts";
import { until } from "../until.ts";
import { FileSide } from "./file-side.ts";

// POST /explain and `nuncio explain --admin` tell of the config that serves now: routes, clusters and endpoints that came from outside.

const root = mkdtempSync(join(tmpdir(), "nuncio-explain-live-"));
const nuncio = new FileSide("nuncio", candidateCommand, root);
const backend = createServer((request, response) => {
  response.end(`${request.url} ${request.headers["x-version"]}`);
});
let backendPort = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  backendPort = (backend.address() as AddressInfo).port;
  await nuncio.start(backendPort, {
    layered_runtime: {
      layers: [
        { name: "static", static_layer: { share: 0 } },
        { name: "admin", admin_layer: {} },
      ],
    },
  });
}, 60_000);
afterAll(async () => {
  await nuncio.stop();
  backend.closeAllConnections();
  backend.close();
  rmSync(root, { recursive: true });
});

test("the command says what the request then does", async () => {
  const { code, stdout, stderr } = await explain(`GET http://a.example:${nuncio.port}/`);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain(`listener    main on 127.0.0.1:${nuncio.port} (the URL's port is ${nuncio.port})\n`);
  expect(stdout).toContain('routes      "routes" (RDS)\n');
  expect(stdout).toContain('cluster     "app" (EDS, ROUND_ROBIN): 1 of 1 endpoints healthy\n');
  expect(stdout).toContain(`            127.0.0.1:${backendPort} healthy\n`);
  expect(stdout).toContain("\n    x-version: 1\n");
  expect(await nuncio.ask()).toBe("/ 1");
});

test("routes, endpoints and runtime are those of now", async () => {
  const shared = {
    match: { prefix: "/", runtime_fraction: { default_value: { numerator: 100 }, runtime_key: "share" } },
    name: "shared",
    direct_response: { status: 200, body: { inline_string: "shared" } },
  };
  nuncio.put("rds", nuncio.files.routes("2", "app", 1, [shared]));
  await until(async () => (await nuncio.ask()) === "/ 2");
  const second = JSON.parse((await explain("--json", "GET http://a.example/")).stdout);
  expect(second.tried[0]).toMatchObject({
    name: "shared",
    failed: { kind: "runtime_fraction", wanted: "share of 100%, runtime key share", found: "the draw is 0" },
  });
  expect(second.winner.path).toBe("virtual_hosts[0].routes[1]");
  expect(second.upstream.headers).toContainEqual({ name: "x-version", value: "2" });

  await fetch(`http://127.0.0.1:${nuncio.adminPort}/runtime_modify?share=100`, { method: "POST" });
  await until(async () => (await nuncio.ask()) === "shared");
  const third = JSON.parse((await explain("--json", "GET http://a.example/")).stdout);
  expect(third.winner.name).toBe("shared");
  expect(third.answer).toEqual({ status: 200, location: "", body: "shared", why: "direct_response" });

  await fetch(`http://127.0.0.1:${nuncio.adminPort}/runtime_modify?share=`, { method: "POST" });
  nuncio.put("eds", nuncio.files.endpoints(1));
  await until(async () => (await explain("GET http://a.example/")).stdout.includes(" 127.0.0.1:1 healthy\n"));
});

test("POST /explain takes text and JSON, and says what is wrong", async () => {
  const text = await post("GET http://a.example/b\nx-version: mine\n");
  expect([text.status, text.body.split("\n")[0]]).toEqual([200, "GET http://a.example/b"]);
  const json = await post('{"request": "GET http://a.example/b", "headers": {"x-one": "1"}}', "?format=json");
  expect(JSON.parse(json.body).upstream.headers).toContainEqual({ name: "x-one", value: "1" });
  for (const [body, fault] of [
    ["", /^the body is empty: a request line is wanted/],
    ["{", /^the body is no JSON: /],
    ["{}", /^the body lacks "request"/],
    ['{"request": "GET http://a/", "header": {}}', /^there is no "header"; there are request, headers, listener/],
    ['{"request": "GET http://a/", "listener": "mein"}', /^there is no listener "mein"\. Did you mean "main"\?/],
    ['{"request": "GET http://a/", "random": 2}', /^random 2: a number from 0 to below 1 is wanted/],
  ] as const) {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatch(fault);
  }
  const get = await fetch(`http://127.0.0.1:${nuncio.adminPort}/explain`);
  expect([get.status, await get.text()]).toEqual([405, "Method GET not allowed, POST required."]);
});

test("the command says why it cannot ask", async () => {
  const nobody = await explain("--admin", "127.0.0.1:1", "GET http://a.example/");
  expect(nobody).toEqual({ code: 1, stdout: "", stderr: "no proxy answers at 127.0.0.1:1: connection refused\n" });
  const both = await explain("-c", "a.yaml", "GET http://a.example/");
  expect(both.stderr).toMatch(/^a file and a running proxy cannot be asked at once/);
  const line = await explain("--listener", "none", "GET http://a.example/");
  expect([line.code, line.stderr]).toEqual([1, expect.stringMatching(/^there is no listener "none"/)]);
});

function explain(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [program = "", ...fixed] = candidateCommand.split(" ");
  const admin = args.includes("--admin") ? [] : ["--admin", `127.0.0.1:${nuncio.adminPort}`];
  return new Promise((resolve) => {
    execFile(program, [...fixed, "explain", ...admin, ...args], (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

async function post(body: string, query = ""): Promise<{ status: number; body: string }> {
  const answer = await fetch(`http://127.0.0.1:${nuncio.adminPort}/explain${query}`, { method: "POST", body });
  return { status: answer.status, body: await answer.text() };
}
