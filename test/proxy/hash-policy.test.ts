import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Word64 } from "../../src/net/word64.ts";
import { xxHash64 } from "../../src/net/xx-hash.ts";
import { requirePeer } from "../peers.ts";
import { get, NumberedBackends, numberIn, pipeline } from "./hash-backends.ts";
import { listener, manager, onSides, type Side, startSides } from "./sides.ts";

// hash_policy of routes: what it hashes of a request, seen by the host that is chosen, and the cookies it makes.

const folder = mkdtempSync(join(tmpdir(), "nuncio-hash-policy-"));
const backends = new NumberedBackends();
let sides: Side[] = [];

beforeAll(async () => {
  await backends.listen(10);
  sides = await startSides(folder, 1, ([port = 0]) => ({
    static_resources: { listeners: [listener("main", port, [{ filters: [hcm()] }])], clusters: clusters() },
  }));
}, 60_000);

afterAll(async () => {
  await Promise.all(sides.map(({ process }) => process.stop()));
  backends.close();
  rmSync(folder, { recursive: true });
});

const header = (name: string, more: object = {}): object => ({ header: { header_name: name }, ...more });
const cookie = (name: string, fields: object = {}, more: object = {}): object => ({
  cookie: { name, ...fields },
  ...more,
});
const words = Array.from({ length: 40 }, (_, i) => `w${i}`);

/** Each is asked with all its requests: fields, or a path with fields. */
const cases: { name: string; policies: object[]; requests: { path?: string; fields: string[] }[] }[] = [
  {
    name: "a header",
    policies: [header("X-A")],
    requests: words.map((word) => ({ fields: [`x-a: ${word}`] })),
  },
  {
    name: "a repeated header, in any order",
    policies: [header("x-a")],
    requests: words.flatMap((word) => [
      { fields: [`x-a: ${word}`, "x-a: other"] },
      { fields: ["x-a: other", `x-a: ${word}`, "x-a:"] },
    ]),
  },
  {
    name: "a header rewritten",
    policies: [
      { header: { header_name: "x-a", regex_rewrite: { pattern: { regex: "^w(\\d)" }, substitution: "<\\1>" } } },
    ],
    requests: words.flatMap((word) => [{ fields: [`x-a: ${word}`] }, { fields: [`x-a: ${word}`, "x-a: w5"] }]),
  },
  {
    name: "pseudo-headers",
    policies: [header(":path"), header(":authority"), header(":method")],
    requests: words.map((word) => ({ path: `?${word}`, fields: [] })),
  },
  { name: "host", policies: [header("host")], requests: [{ fields: [] }, { fields: [] }] },
  {
    name: "a cookie",
    policies: [cookie("c")],
    requests: words.flatMap((word) => [
      { fields: [`cookie: c=${word}`] },
      { fields: [`cookie: b=1; c="${word}"; d=2`] },
      { fields: [`cookie: b=1;c=${word} ;c=z`] },
      { fields: ["cookie: b=1", `cookie: c=${word}`] },
    ]),
  },
  {
    name: "a query parameter",
    policies: [{ query_parameter: { name: "q" } }],
    requests: words.flatMap((word) => [
      { path: `?q=${word}`, fields: [] },
      { path: `?a=1&q=${word}&q=z`, fields: [] },
      { path: `?a=1&q=%41${word}`, fields: [] },
    ]),
  },
  {
    name: "an empty query parameter",
    policies: [{ query_parameter: { name: "q" } }],
    requests: [
      { path: "?q", fields: [] },
      { path: "?q=", fields: [] },
    ],
  },
  {
    name: "the client's address",
    policies: [{ connection_properties: { source_ip: true } }],
    requests: words.map((_, i) => ({ fields: [`x-forwarded-for: 10.0.0.${i}`] })),
  },
  {
    name: "the client's IPv6 address",
    policies: [{ connection_properties: { source_ip: true } }],
    requests: words.map((_, i) => ({ fields: [`x-forwarded-for: 2001:db8::${i}`] })),
  },
  {
    name: "several together",
    policies: [header("x-a"), header("x-b"), { query_parameter: { name: "q" } }, header("x-a")],
    requests: words.flatMap((word) => [
      { path: `?q=${word}`, fields: ["x-a: 1", "x-b: 2"] },
      { path: "?q=1", fields: [`x-a: ${word}`] },
      { fields: [`x-b: ${word}`] },
    ]),
  },
  {
    name: "terminal ones",
    policies: [header("x-a", { terminal: true }), header("x-b"), header("x-c", { terminal: true }), header("x-d")],
    requests: words.flatMap((word) => [
      { fields: ["x-a: 1", `x-b: ${word}`] },
      { fields: [`x-b: ${word}`, "x-d: 1"] },
      { fields: [`x-b: ${word}`, "x-c: 1", "x-d: 1"] },
      { fields: [`x-d: ${word}`] },
    ]),
  },
  {
    name: "a source that is not asked for, and a state that is not there",
    policies: [
      { connection_properties: {}, terminal: true },
      { filter_state: { key: "none" }, terminal: true },
      header("x-a"),
    ],
    requests: words.map((word) => ({ fields: [`x-a: ${word}`] })),
  },
];

describe("the host is Envoy's for", () => {
  for (const [i, { name, requests }] of cases.entries()) {
    test(name, async (context) => {
      requirePeer("envoy", context);
      const texts = requests.map(({ path = "", fields }) => get(`/case-${i}${path}`, ...fields));
      const [nuncio, envoy] = await onSides(sides, async ({ ports: [port = 0] }) => {
        return (await pipeline(port, texts)).map(numberIn);
      });
      expect(nuncio).toEqual(envoy);
      expect(nuncio).not.toContain("503");
    });
  }
});

test("a policy that finds nothing leaves the host to chance", async () => {
  for (const { ports } of sides) {
    const answers = await pipeline(
      ports[0] as number,
      words.concat(words).map(() => get("/case-0")),
    );
    expect(new Set(answers.map(numberIn)).size).toBeGreaterThan(5);
  }
});

describe("cookies", () => {
  for (const [path, expected] of [
    ["/cookie", /^set-cookie: c="([0-9a-f]{16})"; Max-Age=3600; Path=\/p; SameSite=Strict; Secure; HttpOnly$/m],
    ["/cookie-session", /^set-cookie: c="([0-9a-f]{16})"; HttpOnly$/m],
    ["/cookie-balancer", /^set-cookie: d="([0-9a-f]{16})"; Max-Age=3600; HttpOnly$/m],
    ["/cookie-kept", /^set-cookie: c="([0-9a-f]{16})"; Max-Age=3600; HttpOnly$/m],
  ] as const) {
    test(`${path} makes one that leads to the same host`, async (context) => {
      requirePeer("envoy", context);
      for (const { ports, name } of sides) {
        const { answer, local, remote } = await once(ports[0] as number, get(path, "x-forwarded-for: 10.1.2.3"));
        const found = expected.exec(answer.replaceAll("\r", ""));
        const seed = path === "/cookie-balancer" ? `10.1.2.3:0${remote}` : local + remote;
        expect([name, found?.[1], answer.match(/set-cookie/g)?.length]).toEqual([name, hashOf(seed), 1]);
        const again = await once(
          ports[0] as number,
          get(path, `cookie: ${["c", "d", "e"].map((key) => `${key}="${found?.[1]}"`).join("; ")}`),
        );
        expect(again.answer).not.toContain("set-cookie");
        expect(numberIn(again.answer)).toBe(numberIn(answer));
      }
    });
  }
  test("where no balancer asks for a hash, or a policy before is terminal, none is made", async () => {
    for (const { ports } of sides) {
      for (const request of [get("/cookie-unasked"), get("/cookie-late", "x-a: 1"), get("/cookie-off")]) {
        expect((await once(ports[0] as number, request)).answer).not.toContain("set-cookie");
      }
    }
  });
  test("as many as Envoy makes where a request is tried again", async (context) => {
    requirePeer("envoy", context);
    const [nuncio, envoy] = await onSides(sides, async ({ ports: [port = 0] }) => {
      const { answer } = await once(port, get("/fail/cookie"));
      return answer.match(/set-cookie/g)?.length;
    });
    expect(nuncio).toBe(envoy);
  });
  test("the route's header changes come after the route's cookies", async (context) => {
    requirePeer("envoy", context);
    const seen = await onSides(sides, async ({ ports: [port = 0] }) => {
      const { answer } = await once(port, get("/cookie-removed"));
      const own = await once(port, get("/cookie-balancer-removed"));
      return [answer.includes("set-cookie"), own.answer.includes("set-cookie")];
    });
    expect(seen[0]).toEqual(seen[1]);
  });
});

describe("weighted clusters by use_hash_policy", () => {
  test("go where Envoy goes", async (context) => {
    requirePeer("envoy", context);
    const texts = words.flatMap((word) => [
      get("/weighted", `x-a: ${word}`),
      get("/weighted", `x-a: ${word}`, "x-b: 1"),
    ]);
    const [nuncio, envoy] = await onSides(sides, async ({ ports: [port = 0] }) =>
      (await pipeline(port, texts)).map(numberIn),
    );
    expect(nuncio).toEqual(envoy);
    expect(new Set(nuncio).size).toBe(3);
  });
  test("make no cookie", async () => {
    for (const { ports } of sides) {
      expect((await once(ports[0] as number, get("/weighted-cookie"))).answer).not.toContain("set-cookie");
    }
  });
});

describe("header_name of weighted clusters", () => {
  const values = ["0", "1", "2", "3", "4", "5", "6", "7", "18446744073709551615", "+3", " 4 "];
  test("goes where Envoy goes", async (context) => {
    requirePeer("envoy", context);
    const texts = values.map((value) => get("/weighted-header", `x-a: ${value}`));
    const [nuncio, envoy] = await onSides(sides, async ({ ports: [port = 0] }) =>
      (await pipeline(port, texts)).map(numberIn),
    );
    expect(nuncio).toEqual(envoy);
  });
  for (const fields of [["x-a: 18446744073709551616"], ["x-a: -1"], ["x-a: 1", "x-a: 1"], ["x-a: 1x"], []]) {
    test(`is drawn at random with ${JSON.stringify(fields)}`, async () => {
      for (const { ports } of sides) {
        const texts = Array.from({ length: 120 }, () => get("/weighted-header", ...fields));
        expect(new Set((await pipeline(ports[0] as number, texts)).map(numberIn)).size).toBe(3);
      }
    });
  }
});

function clusters(): object[] {
  const assign = (name: string, indexes: readonly number[], more: object): object => ({
    name,
    type: "STATIC",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: indexes.map((i) => backends.endpoint(i)) }] },
    ...more,
  });
  const ten = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const own = {
    "@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash",
    consistent_hashing_lb_config: {
      hash_policy: [cookie("e", { ttl: "1s" }), cookie("d", { ttl: "3600s" })],
    },
  };
  return [
    assign("hashed", ten, { lb_policy: "MAGLEV" }),
    assign("plain", ten, {}),
    assign("own", ten, {
      load_balancing_policy: {
        policies: [{ typed_extension_config: { name: "envoy.load_balancing_policies.ring_hash", typed_config: own } }],
      },
    }),
    ...[0, 1, 2].map((i) => assign(`one-${i}`, [i], {})),
  ];
}

function hcm(): object {
  const route = (path: string, cluster: string, policies: object[], more: object = {}): object => ({
    match: { path },
    route: { cluster, hash_policy: policies },
    ...more,
  });
  const hour = { ttl: "3600.9s" };
  const weighted = (fields: object): object => ({
    clusters: [0, 1, 2].map((i) => ({ name: `one-${i}`, weight: [3, 1, 4][i] })),
    ...fields,
  });
  const removed = { response_headers_to_remove: ["set-cookie"] };
  const routes = [
    ...cases.map(({ policies }, i) => route(`/case-${i}`, "hashed", policies)),
    route("/cookie", "hashed", [
      cookie("c", { ...hour, path: "/p", attributes: [{ name: "SameSite", value: "Strict" }, { name: "Secure" }] }),
    ]),
    route("/cookie-session", "hashed", [cookie("c", { ttl: "0s" })]),
    route("/cookie-off", "hashed", [cookie("c")]),
    route("/cookie-balancer", "own", [cookie("c", hour)]),
    route("/cookie-balancer-removed", "own", [cookie("c", hour)], removed),
    route("/cookie-unasked", "plain", [cookie("c", hour)]),
    {
      match: { path: "/fail/cookie" },
      route: { cluster: "hashed", hash_policy: [cookie("c", hour)], retry_policy: { retry_on: "5xx", num_retries: 2 } },
    },
    route("/cookie-late", "hashed", [header("x-a", { terminal: true }), cookie("c", hour)]),
    route("/cookie-removed", "hashed", [cookie("c", hour)], removed),
    route("/cookie-kept", "hashed", [cookie("c", hour)], {
      response_headers_to_add: [{ header: { key: "x-cookie", value: "%RESP(set-cookie)%" } }],
    }),
    {
      match: { path: "/weighted" },
      route: { weighted_clusters: weighted({ use_hash_policy: true }), hash_policy: [header("x-a"), header("x-b")] },
    },
    {
      match: { path: "/weighted-cookie" },
      route: { weighted_clusters: weighted({ use_hash_policy: true }), hash_policy: [cookie("c", hour)] },
    },
    { match: { path: "/weighted-header" }, route: { weighted_clusters: weighted({ header_name: "x-a" }) } },
  ];
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: manager(routes),
  };
}

interface Once {
  answer: string;
  local: string;
  remote: string;
}

/** One request on a connection of its own, and that connection's ends as the proxy prints them. */
function once(port: number, request: string): Promise<Once> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let ends = { local: "", remote: "" };
    let answer = "";
    socket.on("connect", () => {
      ends = { local: `127.0.0.1:${socket.localPort}`, remote: `127.0.0.1:${port}` };
      socket.write(request.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"), "latin1");
    });
    socket.on("data", (data) => (answer += data.toString("latin1")));
    socket.on("error", reject);
    socket.on("close", () => resolve({ answer, ...ends }));
  });
}

function hashOf(text: string): string {
  const word = new Word64();
  xxHash64(text, word);
  return [word.high, word.low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
