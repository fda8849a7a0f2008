import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { request as requestTls } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBootstrap } from "../../src/config/load.ts";
import { bootstrapToSpecs } from "../../src/config/resources.ts";
import { SecretStore } from "../../src/config/secret-store.ts";
import { Problems } from "../../src/proto/problems.ts";
import { requirePeer } from "../peers.ts";
import { Authority } from "./certificates.ts";
import { get, pipeline } from "./hash-backends.ts";
import { chain, cluster, listener, manager, onSides, type Side, startSides, tlsSocket } from "./sides.ts";

// URI templates, rewrites by format and the conditions on the stream: which route, and what the backend gets, beside Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-conditions-"));
const good = new Authority(folder);
let sides: Side[] = [];
const backend = createServer(({ url, headers }, response) => {
  const seen = ["host", "x-envoy-original-path", "x-envoy-original-host", "x-forwarded-host"];
  response.end(JSON.stringify([url, ...seen.map((name) => headers[name] ?? null)]));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  const { port: backendPort } = backend.address() as AddressInfo;
  const own = good.issue("server", "DNS:a.example");
  const context = {
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { filename: own.cert }, private_key: { filename: own.key } }],
      validation_context: {
        trusted_ca: { filename: good.ca },
        trust_chain_verification: "ACCEPT_UNTRUSTED",
      },
    },
  };
  sides = await startSides(folder, 2, ([plain = 0, tls = 0]) => ({
    static_resources: {
      listeners: [
        listener("plain", plain, [chain(hosts(), null)]),
        listener("tls", tls, [chain(manager(tlsRoutes), tlsSocket("Downstream", context))]),
      ],
      clusters: [cluster("c", backendPort)],
    },
  }));
}, 60_000);

afterAll(async () => {
  await Promise.all(sides.map(({ process }) => process.stop()));
  backend.closeAllConnections();
  backend.close();
  rmSync(folder, { recursive: true });
});

/** Template, rewrite ("" for none). */
const templates: [string, string][] = [
  ["/", ""],
  ["/a/b", "/x"],
  ["/a/", "/x/"],
  ["/{a}", "/x/{a}"],
  ["/{a}/{b}", "/{b}/{a}"],
  ["/{a}/b/{c}.json", "/{c}{a}"],
  ["/{a=b/*/d}/e", "/r{a}s"],
  ["/{a=**}", "/{a}"],
  ["/a/{b=**}/c", "/{b}"],
  ["/v{n}/u", "/{n}"],
  ["/*/b", "/x"],
  ["/**", "/x"],
  ["/**.m3u8", "/x"],
  ["/a/*.ts", "/x"],
  ["/v*", "/x"],
  ["/a.b(c)$+d", "/x"],
  ["/{a=b}/{c=d/**}", "/{c}/{a}"],
  ["/a%20b/{c}", "/%20{c}"],
  ["/A/{b}", "/{b}{b}"],
  ["/{a_1}/c-{b}", "/{a_1}/c={b}"],
];
const paths = [
  "/",
  "/a",
  "/a/",
  "/a/b",
  "/a/b?q=/z",
  "/b/c",
  "/a/b/c",
  "/a/b/c.json",
  "/x/b/y.json?z",
  "/b/c/d/e",
  "/b/c/c/d/e",
  "/a/x/y/c",
  "/a//c",
  "/a/c",
  "/v1/u",
  "/v/u",
  "/v1.2/u?x",
  "/v*",
  "/vx",
  "/v",
  "/x/y/z.m3u8",
  "/.m3u8",
  "/a/x.ts",
  "/a/.ts",
  "/a/b/x.ts",
  "/a.b(c)$+d",
  "/aXb(c)$+d",
  "/b/d",
  "/b/d/",
  "/b/d/e/f",
  "/a%20b/c",
  "/a*b",
  "/A/b",
  "/a/B",
  "/x/c-y",
  "/x/c-",
  "/a/b;p=1",
  "/a/b=c",
  "/a/b@c:d",
  "/a/b|c",
  "/a/b[c]",
  '/a/b"c',
  "/~/!'",
  "/a/b&c",
];

describe("a template matches and rewrites the paths that it does in Envoy", () => {
  for (const [i, [template, rewrite]] of templates.entries()) {
    test(`${template} to ${rewrite || "nothing"}`, async (context) => {
      requirePeer("envoy", context);
      const [nuncio, envoy] = await ask(`t${i}`, paths);
      expect(nuncio).toEqual(envoy);
    });
  }
});

const refused = [
  "/v{a}x{b}",
  "/{a}{b}",
  "/v{a=x/y}",
  "/v}",
  "/v{",
  "/{a",
  "/*.ts/y",
  "/**/v{a}",
  "/v{a=**}/{b}",
  "/v{1}",
  "/v{}",
  "/v{a=}",
  "//",
  "/{a=/b}",
  "/{a=b/}",
  "/{abcdefghijklmnopq}",
  "/{a}/{b}/{c}/{d}/{e}/{f}",
  "/{a}/{a}",
  "/a[b",
  "/a b",
  "a",
  "/**/*",
  "/**/{a=*}",
  "/a?b",
  "/v{a={b}}",
];

describe("a template that Envoy refuses is refused in its words", () => {
  for (const template of refused) {
    test(template, (context) => refuses(context, { match: policy(template), route: { cluster: "c" } }));
  }
});

describe("a rewrite that Envoy refuses is refused in its words", () => {
  const cases: [string, object][] = [
    ["an unknown variable", { match: policy("/{a}"), route: { cluster: "c", ...rewriteTo("/{b}") } }],
    ["no path", { match: policy("/{a}"), route: { cluster: "c", ...rewriteTo("x") } }],
    ["an open bracket", { match: policy("/{a}"), route: { cluster: "c", ...rewriteTo("/{a") } }],
    ["two slashes", { match: policy("/{a}"), route: { cluster: "c", ...rewriteTo("//{a}") } }],
    ["a bad literal", { match: policy("/{a}"), route: { cluster: "c", ...rewriteTo("/[") } }],
    ["no variables to take", { match: { prefix: "/" }, route: { cluster: "c", ...rewriteTo("/a") } }],
    ["a prefix", { match: policy("/{a}"), route: { cluster: "c", prefix_rewrite: "/x" } }],
    ["two rewrites", { match: { prefix: "/" }, route: { cluster: "c", prefix_rewrite: "/x", path_rewrite: "/y" } }],
    ["a redirect's prefix", { match: policy("/{a}"), redirect: { prefix_rewrite: "/x" } }],
    ["an unknown operator in a path", { match: { prefix: "/" }, route: { cluster: "c", path_rewrite: "/%FOO%" } }],
    ["an open operator in a host", { match: { prefix: "/" }, route: { cluster: "c", host_rewrite: "%FOO" } }],
    [
      "a range that is none",
      {
        match: { prefix: "/", filter_state: [{ key: "k", address_match: { ranges: [{ address_prefix: "x" }] } }] },
        route: { cluster: "c" },
      },
    ],
  ];
  for (const [name, route] of cases) test(name, (context) => refuses(context, route));
});

const rewrites: [string, object][] = [
  ["a path of a header", { route: { cluster: "c", path_rewrite: "/%REQ(x-a)%" } }],
  ["a path without its header", { route: { cluster: "c", path_rewrite: "%REQ(x-none)%" } }],
  ["a path of the path", { route: { cluster: "c", path_rewrite: "/p%REQ(:PATH)%" } }],
  ["a host of a header", { route: { cluster: "c", host_rewrite: "%REQ(x-a)%.example" } }],
  [
    "a host without its header",
    { route: { cluster: "c", host_rewrite: "%REQ(x-none)%", append_x_forwarded_host: true } },
  ],
  ["both", { route: { cluster: "c", host_rewrite: "h", path_rewrite: "/p", append_x_forwarded_host: true } }],
  ["the path of a redirect", { redirect: { path_rewrite: "/p/%REQ(x-a)%" } }],
  ["the path of a redirect that strips", { redirect: { path_rewrite: "/p/%REQ(x-a)%", strip_query: true } }],
  ["the path of a redirect without its header", { redirect: { path_rewrite: "%REQ(x-none)%" } }],
];

describe("a rewrite by format gives what it gives in Envoy", () => {
  for (const [i, [name]] of rewrites.entries()) {
    test(name, async (context) => {
      requirePeer("envoy", context);
      const [nuncio, envoy] = await ask(`r${i}`, ["/a/b", "/a?b=c", "/"], "x-a: v");
      expect(nuncio).toEqual(envoy);
    });
  }
});

const metadata = (value: object, invert = false): object => ({
  dynamic_metadata: [{ filter: "f", path: [{ key: "a" }], value, invert }],
});
const conditions: [string, object][] = [
  ["metadata is there", metadata({ present_match: true })],
  ["metadata is not there", metadata({ present_match: false })],
  ["metadata is null", metadata({ null_match: {} })],
  ["metadata is anything else, inverted", metadata({ string_match: { exact: "x" } }, true)],
  ["metadata is a list", metadata({ list_match: { one_of: { string_match: { exact: "x" } } } })],
  [
    "metadata is one or the other",
    metadata({ or_match: { value_matchers: [{ bool_match: true }, { null_match: {} }] } }),
  ],
  ["state is there", { filter_state: [{ key: "k", string_match: { prefix: "x" } }] }],
  [
    "state is an address",
    { filter_state: [{ key: "k", address_match: { ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] } }] },
  ],
  ["nothing is asked of TLS", { tls_context: {} }],
  ["a certificate was shown", { tls_context: { presented: true } }],
  ["no certificate was shown", { tls_context: { presented: false } }],
  ["a certificate was validated", { tls_context: { validated: true } }],
  ["no certificate was validated", { tls_context: { presented: false, validated: false } }],
];

test("conditions on the stream pass where they pass in Envoy", async (context) => {
  requirePeer("envoy", context);
  const [nuncio, envoy] = await onSides(sides, async ({ ports: [port = 0] }) => {
    const passed: [string, boolean][] = [];
    for (const [i, [name]] of conditions.entries()) {
      const [answer = ""] = await pipeline(port, [get("/").replace("a.example", `c${i}`)]);
      passed.push([name, answer.endsWith("passed")]);
    }
    return passed;
  });
  expect(nuncio).toEqual(envoy);
  expect(new Set(nuncio?.map(([, passed]) => passed)).size).toBe(2);
});

/** The first that passes names the route. */
const tlsRoutes = [
  { match: { prefix: "/", tls_context: { presented: true, validated: false } }, ...told("untrusted") },
  { match: { prefix: "/", tls_context: { validated: true } }, ...told("trusted") },
  { match: { prefix: "/", tls_context: { presented: false } }, ...told("none") },
];

describe("tls_context knows a client", () => {
  const cases: [string, () => object][] = [
    ["none", () => ({})],
    ["trusted", () => clientOf(good)],
    ["untrusted", () => clientOf(new Authority(mkdtempSync(join(folder, "other-"))))],
  ];
  for (const [name, client] of cases) {
    test(name, async (context) => {
      requirePeer("envoy", context);
      const options = client();
      expect(await onSides(sides, ({ ports }) => askTls(ports[1] as number, options))).toEqual([name, name]);
    });
  }
});

function clientOf(authority: Authority): object {
  const { cert, key } = authority.issue("client", "DNS:client.example");
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

function askTls(port: number, options: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const tls = { ca: readFileSync(good.ca), servername: "a.example", agent: false, ...options };
    requestTls({ host: "127.0.0.1", port, ...tls }, (response) => {
      let body = "";
      response.on("data", (data) => (body += data));
      response.on("end", () => resolve(body));
    })
      .on("error", reject)
      .end();
  });
}

/** What both sides make of these paths under a host: [Nuncio's, Envoy's], without dates and names. */
function ask(host: string, targets: readonly string[], ...fields: string[]): Promise<string[][]> {
  return onSides(sides, async ({ ports: [port = 0] }) => {
    const answers: string[] = [];
    for (const target of targets) {
      // One by one: Envoy ends a connection after a bad path.
      const [answer = ""] = await pipeline(port, [get(target, ...fields).replace("a.example", host)]);
      const location = /\r\nlocation: (\S+)/i.exec(answer)?.[1] ?? "";
      answers.push(`${target} ${answer.slice(9, 12)} ${location} ${answer.slice(answer.indexOf("\r\n\r\n") + 4)}`);
    }
    return answers;
  });
}

function policy(template: string): object {
  return {
    path_match_policy: {
      name: "m",
      typed_config: { "@type": `${pathType}.match.uri_template.v3.UriTemplateMatchConfig`, path_template: template },
    },
  };
}

function rewriteTo(rewrite: string): object {
  const type = `${pathType}.rewrite.uri_template.v3.UriTemplateRewriteConfig`;
  return { path_rewrite_policy: { name: "w", typed_config: { "@type": type, path_template_rewrite: rewrite } } };
}

function told(text: string): object {
  return { direct_response: { status: 200, body: { inline_string: text } } };
}

/** A virtual host for each case, named as asked for. */
function hosts(): object {
  const vhost = (name: string, route: object): object => ({
    name,
    domains: [name],
    routes: [route, { match: { prefix: "/" }, direct_response: { status: 404, body: { inline_string: "other" } } }],
  });
  const virtualHosts = [
    ...templates.map(([template, rewrite], i) =>
      vhost(`t${i}`, {
        match: policy(template),
        route: { cluster: "c", ...(rewrite === "" ? {} : rewriteTo(rewrite)) },
      }),
    ),
    ...rewrites.map(([, action], i) => vhost(`r${i}`, { match: { prefix: "/" }, ...action })),
    ...conditions.map(([, match], i) => vhost(`c${i}`, { match: { prefix: "/", ...match }, ...told("passed") })),
  ];
  return manager([], { route_config: { virtual_hosts: virtualHosts } });
}

/** A route that both refuse, Nuncio with Envoy's words. */
function refuses(context: Parameters<typeof requirePeer>[1], route: object): void {
  const text = JSON.stringify({
    static_resources: { listeners: [listener("l", 0, [chain(manager([route]), null)])], clusters: [{ name: "c" }] },
  });
  const loaded = loadBootstrap({ configPath: null, configYaml: text, allowUnknownStaticFields: false });
  if (loaded.message === null) throw new Error(JSON.stringify(loaded.problems));
  const problems = new Problems();
  bootstrapToSpecs(loaded.message, problems, 1, false, new SecretStore());
  const [words, ...more] = problems.list
    .filter(({ severity }) => severity === "error")
    .map(({ envoyText }) => envoyText);
  expect(words ?? "").not.toBe("");
  expect(more).toEqual([]);
  const envoy = requirePeer("envoy", context);
  const run = spawnSync(envoy, ["--mode", "validate", "-l", "critical", "--config-yaml", text], {
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(run.status).toBe(1);
  expect(run.stderr).toContain(words);
}

const pathType = "type.googleapis.com/envoy.extensions.path";
