import { once } from "node:events";
import { Agent, createServer, get, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, generateSecret, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { requirePeer } from "../peers.ts";
import { type Nuncio, type NuncioOptions, startNuncio } from "../proxy/nuncio.ts";

// Keys that are fetched, and tokens as jose signs them: what one connection to a proxy with keys at hand cannot show.

const http = "type.googleapis.com/envoy.extensions.filters.http.";
const issuer = "https://issuer.test";
const running: Nuncio[] = [];
let backend: Server;
let keyServer: Server;
/** How the key server answers, and how often it was asked. */
let answerKeys: (response: ServerResponse) => void = () => {};
let asked = 0;

beforeAll(async () => {
  backend = createServer((_request, response) => response.end("ok")).listen(0, "127.0.0.1");
  keyServer = createServer((_request, response) => {
    asked++;
    answerKeys(response);
  }).listen(0, "127.0.0.1");
  await Promise.all([once(backend, "listening"), once(keyServer, "listening")]);
});
afterAll(() => {
  for (const server of [backend, keyServer]) {
    server.close();
    server.closeAllConnections();
  }
});
beforeEach(async ({ onTestFinished }) => {
  asked = 0;
  onTestFinished(async () => {
    await Promise.all(running.splice(0).map((proxy) => proxy.stop()));
  });
});

interface Pair {
  alg: string;
  sign: CryptoKey | Uint8Array;
  jwk: object;
}

async function pairOf(alg: string, kid = alg): Promise<Pair> {
  if (alg.startsWith("HS")) {
    const secret = (await generateSecret(alg, { extractable: true })) as CryptoKey;
    return { alg, sign: secret, jwk: { ...(await exportJWK(secret)), kid, alg } };
  }
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, sign: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } };
}

function tokenOf({ alg, sign }: Pair, kid = alg): Promise<string> {
  const jwt = new SignJWT({ iss: issuer }).setProtectedHeader({ alg, kid }).setExpirationTime("1h");
  return jwt.sign(sign);
}

async function start(remote: object, more: Partial<NuncioOptions> = {}): Promise<Nuncio> {
  const cluster = (name: string, server: Server) => ({
    name,
    type: "STATIC",
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: [
            {
              endpoint: {
                address: {
                  socket_address: { address: "127.0.0.1", port_value: (server.address() as AddressInfo).port },
                },
              },
            },
          ],
        },
      ],
    },
  });
  const proxy = await startNuncio({
    backendPort: 0,
    args: ["--concurrency", "1"],
    clusters: [cluster("backend", backend), cluster("keys", keyServer)],
    manager: {
      http_filters: [
        {
          name: "jwt",
          typed_config: {
            "@type": `${http}jwt_authn.v3.JwtAuthentication`,
            providers: {
              p: {
                issuer,
                remote_jwks: { http_uri: { uri: "http://keys.test/set", cluster: "keys", timeout: "0.3s" }, ...remote },
              },
            },
            rules: [{ match: { prefix: "/" }, requires: { provider_name: "p" } }],
          },
        },
        { name: "router", typed_config: { "@type": `${http}router.v3.Router` } },
      ],
    },
    ...more,
  });
  running.push(proxy);
  return proxy;
}

const algorithms = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"],
];
for (const name of ["nuncio", "envoy"] as const) {
  test(`${name}: each algorithm as jose signs it, and the token of one is not taken for another's`, async (context) => {
    const binary = name === "envoy" ? { binary: requirePeer("envoy", context) } : {};
    const pairs = await Promise.all(algorithms.map((alg) => pairOf(alg)));
    answerKeys = (response) => response.end(JSON.stringify({ keys: pairs.map(({ jwk }) => jwk) }));
    const proxy = await start({}, binary);
    const agent = new Agent({ keepAlive: true });
    context.onTestFinished(() => agent.destroy());
    for (const [i, pair] of pairs.entries()) {
      expect([pair.alg, await ask(proxy, agent, await tokenOf(pair))]).toEqual([pair.alg, "200 ok"]);
      const other = pairs[(i + 1) % pairs.length] as Pair;
      expect(await ask(proxy, agent, await tokenOf(pair, other.alg))).toMatch(
        /^401 Jw(t verification fails|ks doesn't)/,
      );
    }
    expect(asked).toBe(1);
  });
}

test("requests that come together wait for one fetch, and one that goes away meanwhile leaves nothing", async () => {
  const pair = await pairOf("RS256");
  const held: ServerResponse[] = [];
  answerKeys = (response) => held.push(response);
  const proxy = await start({ http_uri: { uri: "http://keys.test/set", cluster: "keys", timeout: "20s" } });
  const agents = Array.from({ length: 40 }, () => new Agent({ keepAlive: true }));
  const token = await tokenOf(pair);
  const answers = Promise.allSettled(agents.map((agent) => ask(proxy, agent, token)));
  await expect.poll(() => held.length).toBe(1);
  await expect.poll(() => proxy.stat("http.in.downstream_rq_active")).toBe(40);
  for (const agent of agents.slice(30)) agent.destroy();
  await expect.poll(() => proxy.stat("http.in.downstream_rq_active")).toBe(30);
  held[0]?.end(JSON.stringify({ keys: [pair.jwk] }));
  const settled = await answers;
  expect(settled.slice(0, 30).every((one) => one.status === "fulfilled" && one.value === "200 ok")).toBe(true);
  expect([asked, await proxy.stat("http.in.jwt_authn.allowed")]).toEqual([1, 30]);
  for (const agent of agents) agent.destroy();
});

test("keys that change: the old ones go with their time, the new ones are taken", async () => {
  const [first, second] = [await pairOf("ES256"), await pairOf("ES256")];
  let now = first;
  answerKeys = (response) => response.end(JSON.stringify({ keys: [now.jwk] }));
  const proxy = await start({ cache_duration: "0.4s" });
  const agent = new Agent({ keepAlive: true });
  const [old, young] = [await tokenOf(first), await tokenOf(second)];
  expect(await ask(proxy, agent, old)).toBe("200 ok");
  expect(await ask(proxy, agent, young)).toBe("401 Jwt verification fails");
  now = second;
  await expect.poll(() => ask(proxy, agent, young)).toBe("200 ok");
  expect(await ask(proxy, agent, old)).toBe("401 Jwt verification fails");
  agent.destroy();
});

test("async_fetch: keys are there before anybody asks", async () => {
  const pair = await pairOf("EdDSA");
  let isUp = false;
  answerKeys = (response) => {
    if (isUp) response.end(JSON.stringify({ keys: [pair.jwk] }));
    else response.writeHead(500).end();
  };
  const proxy = await start({ async_fetch: { fast_listener: true, failed_refetch_duration: "0.1s" } });
  await expect.poll(() => proxy.stat("http.in.jwt_authn.jwks_fetch_failed")).toBeGreaterThan(1);
  isUp = true;
  await expect.poll(() => proxy.stat("http.in.jwt_authn.jwks_fetch_success")).toBe(1);
  const before = asked;
  const agent = new Agent({ keepAlive: true });
  expect(await ask(proxy, agent, await tokenOf(pair))).toBe("200 ok");
  expect(asked).toBe(before);
  agent.destroy();
});

test("10,000 bad tokens of every kind, and a key server that is down, slow and out of its mind: each is answered, nothing stays", async () => {
  const pair = await pairOf("RS256");
  const kinds: ((response: ServerResponse) => void)[] = [
    (response) => response.end(JSON.stringify({ keys: [pair.jwk] })),
    (response) => response.destroy(),
    (response) => response.writeHead(500).end("no"),
    (response) => response.end("{"),
    (response) => response.end(JSON.stringify({ keys: [{ kty: "RSA", n: "AA", e: "AQAB" }] })),
    () => {},
  ];
  answerKeys = (response) => kinds[asked % kinds.length]?.(response);
  const proxy = await start({ cache_duration: "0.01s" });
  const good = await tokenOf(pair);
  const stranger = await tokenOf(pair, "nobody");
  const tokens = [good, stranger, `${good.slice(0, -8)}AAAAAAAA`, "a.b.c", `${good}x`, "x".repeat(20_000), ""];
  const agents = Array.from({ length: 25 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const round = async (count: number) => {
    const statuses = await Promise.all(
      agents.map(async (agent, i) => {
        const seen: string[] = [];
        for (let j = 0; j < count; j++) {
          seen.push((await ask(proxy, agent, `${tokens[(i + j) % tokens.length]}`)).slice(0, 3));
        }
        return seen;
      }),
    );
    return statuses.flat();
  };
  await round(40);
  const before = proxy.rssMib();
  const seen = await round(400);
  expect(seen.filter((status) => status !== "200" && status !== "401")).toEqual([]);
  expect(seen).toHaveLength(10_000);
  await expect.poll(() => proxy.stat("http.in.downstream_rq_active")).toBe(0);
  await expect.poll(() => proxy.stat("cluster.keys.upstream_rq_active")).toBe(0);
  expect(proxy.rssMib() - before).toBeLessThan(60);
  for (const agent of agents) agent.destroy();
}, 120_000);

/** "200 body" */
function ask(proxy: Nuncio, agent: Agent, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    get({ host: "127.0.0.1", port: proxy.port, agent, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => resolve(`${response.statusCode} ${body}`));
    }).on("error", reject);
  });
}
