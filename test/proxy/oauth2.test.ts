import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, get, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { startTokenServer, type TokenQuestion, type TokenServer } from "../token-server.ts";
import { until } from "../until.ts";
import { typed } from "../xds-matchers.ts";
import { startNuncio } from "./nuncio.ts";

// Tokens of the grant of client credentials over time: what the comparison with Envoy, which asks once, cannot show.

const folder = mkdtempSync(join(tmpdir(), "nuncio-oauth2-"));
let backend: Server;

beforeEach(() => put("first"));
beforeAll(async () => {
  backend = createServer((request, response) => response.end(request.headers.authorization ?? "nothing"));
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
});
afterAll(() => {
  backend.close();
  backend.closeAllConnections();
  rmSync(folder, { recursive: true });
});

test("a token is asked for again at half of its life", async () => {
  const tokens = await grant((_, number) => JSON.stringify({ access_token: `T${number}`, expires_in: 2 }));
  const ask = await proxy(tokens, "filter");
  for (const number of [0, 1, 2]) await until(async () => (await ask()) === `200 Bearer T${number}`);
});

test("after a failure of any kind the server is asked again", async () => {
  const answers = ["nope", '{"access_token":"a\\nb","expires_in":9}', null, '{"access_token":"T","expires_in":9}'];
  const tokens = await grant((_, number) => answers[number] ?? null);
  const ask = await proxy(tokens, "filter");
  expect(await ask()).toMatch(/^401 /);
  await until(async () => (await ask()) === "200 Bearer T", 1000);
  expect(tokens.questions.length).toBe(4);
});

test("a cluster's own injector has tokens too", async () => {
  const tokens = await grant(() => '{"access_token":"T","expires_in":3600}');
  const ask = await proxy(tokens, "cluster");
  await until(async () => (await ask()) === "200 Bearer T");
});

test("a secret that changes is shown the next time", async () => {
  const tokens = await grant((question) => {
    const shown = new URLSearchParams(question.body).get("client_secret");
    return JSON.stringify({ access_token: shown, expires_in: 2 });
  });
  const ask = await proxy(tokens, "filter");
  await until(async () => (await ask()) === "200 Bearer first");
  put("second");
  await until(async () => (await ask()) === "200 Bearer second");
});

function put(secret: string): void {
  const resource = typed("envoy.extensions.transport_sockets.tls.v3.Secret", {
    name: "mine",
    generic_secret: { secret: { inline_string: secret } },
  });
  writeFileSync(`${secretFile}.new`, JSON.stringify({ resources: [resource] }));
  renameSync(`${secretFile}.new`, secretFile);
}

async function grant(answer: (question: TokenQuestion, number: number) => string | null): Promise<TokenServer> {
  const server = await startTokenServer((question, number) => ({ status: 200, body: answer(question, number) }));
  onTestFinished(() => server.close());
  return server;
}

/** Starts one; gives how it answers a request: the status and what the backend saw. */
async function proxy(tokens: TokenServer, at: "filter" | "cluster"): Promise<() => Promise<string>> {
  const injector = {
    name: "i",
    typed_config: typed("envoy.extensions.filters.http.credential_injector.v3.CredentialInjector", {
      credential: {
        name: "oauth2",
        typed_config: typed("envoy.extensions.http.injected_credentials.oauth2.v3.OAuth2", {
          token_endpoint: { cluster: "tokens", uri: "http://tokens.test/grant", timeout: "1s" },
          client_credentials: { client_id: "me", client_secret },
          token_fetch_retry_interval: "1s",
        }),
      },
    }),
  };
  const { port } = backend.address() as AddressInfo;
  const filters = (last: string, type: string) => [
    ...(last === "router" && at === "cluster" ? [] : [injector]),
    { name: last, typed_config: typed(type) },
  ];
  const options = typed("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", {
    explicit_http_config: { http_protocol_options: {} },
    ...(at === "cluster"
      ? { http_filters: filters("codec", "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec") }
      : {}),
  });
  const nuncio = await startNuncio({
    backendPort: port,
    args: ["--concurrency", "1"],
    manager: { http_filters: filters("router", "envoy.extensions.filters.http.router.v3.Router") },
    clusters: [
      { ...cluster("backend", port), typed_extension_protocol_options: { [optionsKey]: options } },
      cluster("tokens", tokens.port),
    ],
    bootstrap: { node: { id: "n", cluster: "c" } },
  });
  onTestFinished(() => nuncio.stop());
  return () =>
    new Promise((resolve, reject) => {
      get({ port: nuncio.port, host: "127.0.0.1", path: "/" }, (response) => {
        let body = "";
        response.on("data", (chunk) => (body += chunk));
        response.on("end", () => resolve(`${response.statusCode} ${body}`));
      }).on("error", reject);
    });
}

function cluster(name: string, port: number): object {
  const endpoint = { address: { socket_address: { address: "127.0.0.1", port_value: port } } };
  return { name, load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] } };
}

const optionsKey = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const secretFile = join(folder, "secret.json");
const client_secret = {
  name: "mine",
  sds_config: { path_config_source: { path: secretFile }, resource_api_version: "V3" },
};
