import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { explain } from "../../src/explain/explain.ts";
import { loadFile, worldOf } from "../../src/explain/file-world.ts";
import { explanationText } from "../../src/explain/render.ts";
import { readRequest } from "../../src/explain/request-line.ts";
import { freePorts, type ProxyProcess, startProxy } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";
import { until } from "../until.ts";
import { act, customIs, customTree, input, list, networkInput, tree, typed, valueIs } from "../xds-matchers.ts";
import { Authority } from "./certificates.ts";
import { chain, listener, manager, onSides, type Side, startSides, statsOf, tlsInspector, tlsSocket } from "./sides.ts";
import { askOverTls, certificatePair } from "./tls-client.ts";

// Chains that a matcher chooses by what TLS says, and what an update of the matcher does to connections: as Envoy, and as explain tells it.

const folder = mkdtempSync(join(tmpdir(), "nuncio-chains-"));
const certificate = certificatePair(new Authority(folder).issue("a", "DNS:a.example"));
const to = (name: string) => act("google.protobuf.StringValue", { value: name });
const says = (text: string) =>
  manager([{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: text } } }], {
    delayed_close_timeout: "0.05s",
  });
const named = (name: string, text: string, isTls: boolean) => ({
  name,
  ...chain(
    says(text),
    isTls ? tlsSocket("Downstream", { common_tls_context: { tls_certificates: [certificate] } }) : null,
  ),
});
const all = [named("a", "chain a", true), named("b", "chain b", true), named("p", "chain p", false)];
const names = { ...tree(networkInput("ServerNameInput"), "exact", { "a.example": to("a") }), on_no_match: to("b") };
const transport = tree(networkInput("TransportProtocolInput"), "exact", { raw_buffer: to("a"), tls: to("b") });
const listeners = [
  "names",
  "unread",
  "transport",
  "unreadTransport",
  "domains",
  "protocols",
  "subjects",
  "nobody",
] as const;
type Where = (typeof listeners)[number];
const matchers: Record<Where, object> = {
  names,
  unread: names,
  transport,
  unreadTransport: transport,
  domains: customTree(networkInput("ServerNameInput"), "xds.type.matcher.v3.ServerNameMatcher", {
    domain_matchers: [
      { domains: ["*.example"], on_match: to("a") },
      { domains: ["x.y.example", "*"], on_match: to("b") },
    ],
  }),
  protocols: tree(networkInput("ApplicationProtocolInput"), "exact", {
    "'h2','http/1.1'": to("a"),
    "'http/1.1'": to("b"),
  }),
  subjects: {
    ...list([
      {
        not_matcher: valueIs(input("envoy.extensions.matching.common_inputs.ssl.v3.SubjectInput"), { exact: "x" }),
      },
      to("a"),
    ]),
    on_no_match: to("a"),
  },
  nobody: { on_no_match: to("c") },
};
let sides: Side[] = [];

beforeAll(async () => {
  sides = await startSides(folder, listeners.length, (ports) => ({
    static_resources: {
      listeners: listeners.map((name, i) => ({
        ...listener(name, ports[i] ?? 0, all, name.startsWith("unread") ? [] : [tlsInspector]),
        filter_chain_matcher: matchers[name],
        default_filter_chain: named("d", "chain d", true),
      })),
    },
  }));
}, 30_000);

afterAll(async () => {
  await Promise.all(sides.map(({ process }) => process.stop()));
  rmSync(folder, { recursive: true });
});

describe("a filter chain matcher sees what listener filters read", () => {
  const both = ["h2", "http/1.1"];
  test.each<[Where, servername: string, alpn: string[], expected: string]>([
    ["names", "a.example", both, "chain a"],
    ["names", "A.EXAMPLE", both, "chain a"],
    ["names", "b.example", both, "chain b"],
    ["unread", "a.example", both, "chain b"],
    ["transport", "a.example", both, "chain b"],
    ["unreadTransport", "a.example", both, "chain a"],
    ["domains", "x.example", both, "chain a"],
    ["domains", "x.y.example", both, "chain b"],
    ["domains", "z.y.example", both, "chain a"],
    ["domains", "other.test", both, "chain b"],
    ["protocols", "a.example", both, "chain a"],
    ["protocols", "a.example", ["http/1.1"], "chain b"],
    ["protocols", "a.example", ["http/1.0"], "chain d"],
    ["subjects", "a.example", both, "chain d"],
    ["nobody", "a.example", both, ""],
  ])("%s: %s %j", async (where, servername, ALPNProtocols, expected) => {
    const port = listeners.indexOf(where);
    const said = await onSides(sides, async (side) => {
      const { body } = await askOverTls(side.ports[port] ?? 0, { servername, ALPNProtocols });
      return body;
    });
    expect(said).toEqual(sides.map(() => expected));
    // It supposes a client that offers both.
    if (ALPNProtocols === both) expect(explained(where, servername).name).toBe(expected.replace("chain ", ""));
  });

  test("connections that nobody serves are counted", async () => {
    const [own, envoys] = await onSides(sides, (side) => statsOf(side, "no_filter_chain_match|ssl.connection_error"));
    expect(own?.get("listener.7.no_filter_chain_match")).toBe(1);
    if (envoys !== undefined) expect(own).toEqual(envoys);
  });

  test("a chain of TLS that was chosen unread counts what is no handshake, and not who says nothing", async () => {
    const port = listeners.indexOf("unreadTransport");
    const filter = `listener.*_PORT.(ssl.connection_error|downstream_cx_(total|active|destroy))$`;
    const seen = await onSides(sides, async (side) => {
      const stats = () => statsOf(side, filter.replace("PORT", String(side.ports[port])));
      const before = (await stats()).get(`listener.${port}.downstream_cx_destroy`) ?? 0;
      const silent = connect(side.ports[port] ?? 0, "127.0.0.1");
      await until(async () => (await stats()).get(`listener.${port}.downstream_cx_active`) === 1);
      silent.destroy();
      await until(async () => (await stats()).get(`listener.${port}.downstream_cx_destroy`) === before + 1);
      const garbage = connect(side.ports[port] ?? 0, "127.0.0.1").on("error", () => {});
      garbage.write("GET / HTTP/1.1\r\n\r\n");
      garbage.resume();
      await until(async () => (await stats()).get(`listener.${port}.downstream_cx_destroy`) === before + 2);
      return [...(await stats())].filter(([name]) => !name.includes("worker")).sort();
    });
    expect(seen[0]).toContainEqual([`listener.${port}.ssl.connection_error`, 1]);
    for (const other of seen.slice(1)) expect(other).toEqual(seen[0]);
  });

  test("explain says what the matcher said", () => {
    expect(explained("names", "a.example").text).toContain(
      'chain       a, TLS (filter_chain_matcher names "a")\n            not b: filter_chain_matcher\n            not p: filter_chain_matcher\n',
    );
    expect(explained("subjects", "a.example").text).toContain(
      "chain       default_filter_chain, TLS (filter_chain_matcher asks for what is not known yet)\n",
    );
    expect(explained("nobody", "a.example").text).toContain(
      'filter_chain_matcher names "c", and no filter chain is for it: the connection is closed\n',
    );
  });
});

/** By the bootstrap that the first side runs with. */
function explained(where: Where, host: string): { name: string; text: string } {
  const file = loadFile(join(folder, "nuncio.json"), "");
  const request = readRequest(`GET https://${host}/`, []);
  if (typeof file === "string" || typeof request === "string") throw new Error(String(file) + String(request));
  const options = { name: where, port: 0, source: "127.0.0.1", random: 0, routes: 10 };
  const said = explain(worldOf(file), request, options);
  if (typeof said === "string") throw new Error(said);
  const { filterChain } = said;
  const name = filterChain?.isDefault ? "d" : (filterChain?.name ?? "");
  return { name, text: explanationText(said) };
}

test.each([
  ["nuncio", candidateCommand],
  ["envoy", peer("envoy")],
])(
  "an update of the matcher leaves connections alone, one of their chain drains them: %s",
  async (name, command) => {
    if (process.env.CI === "true") expect(command).not.toBe(null);
    if (command === null) return;
    const [port = 0, adminPort = 0] = await freePorts(2);
    const file = join(folder, `${name}-lds.json`);
    let version = 0;
    const put = (chainName: string, text: string) => {
      version++;
      const resource = {
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        ...listener("main", port, [withFilter(named("a", text, false)), named("b", "chain b", false)]),
        filter_chain_matcher: { on_no_match: to(chainName) },
      };
      writeFileSync(`${file}.new`, JSON.stringify({ version_info: String(version), resources: [resource] }));
      renameSync(`${file}.new`, file);
    };
    put("a", "chain a");
    const address = { socket_address: { address: "127.0.0.1", port_value: adminPort } };
    const bootstrap = {
      node: { id: "n", cluster: "c" },
      admin: { address },
      dynamic_resources: { lds_config: { path_config_source: { path: file } } },
    };
    const proxy: ProxyProcess = await startProxy(
      `${command} --drain-time-s 1`,
      bootstrap,
      adminPort,
      folder,
      `${name}-d`,
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const kept = () => ask(port, agent);
    expect(await kept()).toEqual({ body: "chain a", connection: "keep-alive", isReused: false });
    put("b", "chain a");
    await until(async () => (await ask(port, false)).body === "chain b");
    expect(await kept()).toEqual({ body: "chain a", connection: "keep-alive", isReused: true });
    // Still in force, though no new connection comes to it.
    put("b", "chain a again");
    await until(async () => !(await kept()).isReused);
    expect((await kept()).body).toBe("chain b");
    put("a", "chain a again");
    await until(async () => (await ask(port, false)).body === "chain a again");
    // The chain of the kept connection is as it was.
    expect(await kept()).toEqual({ body: "chain b", connection: "keep-alive", isReused: true });
    agent.destroy();
    await proxy.stop();
  },
  30_000,
);

/** With a matcher of its own in front, which lets all pass. */
function withFilter(own: object): object {
  const share = "envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction";
  const all = { runtime_fraction: { default_value: { numerator: 100 } }, seed: "18446744073709551615" };
  const filter = typed("envoy.extensions.filters.network.rbac.v3.RBAC", {
    stat_prefix: "all",
    matcher: list([
      customIs(networkInput("SourceIPInput"), share, all),
      act("envoy.config.rbac.v3.Action", { name: "p" }),
    ]),
  });
  return { ...own, filters: [{ name: "rbac", typed_config: filter }, ...(own as { filters: object[] }).filters] };
}

/** The answer, and whether it came on a connection of before. */
function ask(port: number, agent: Agent | false): Promise<{ body: string; connection: string; isReused: boolean }> {
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port, path: "/", agent }, (response) => {
      let body = "";
      response.on("data", (data) => (body += data));
      response.on("end", () => {
        resolve({ body, connection: response.headers.connection ?? "keep-alive", isReused: request.reusedSocket });
      });
    });
    request.on("error", reject);
  });
}
