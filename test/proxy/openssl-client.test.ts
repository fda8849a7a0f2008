import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { peer } from "../peers.ts";
import { Authority, type CertificateFiles } from "./certificates.ts";
import { type Nuncio, startNuncio } from "./nuncio.ts";
import { chain, listener, manager, onSides, type Side, startSides, tlsInspector, tlsSocket } from "./sides.ts";

// openssl s_client against Nuncio and real Envoy: what it reports of each handshake must be the same.

const folder = mkdtempSync(join(tmpdir(), "nuncio-openssl-"));
const authority = new Authority(folder);
const stranger = new Authority(folder, "stranger");
const one = authority.issue("one", "DNS:one.example");
const rsa = authority.issue("one-rsa", "DNS:one.example", { rsa: true });
const two = authority.issue("two", "DNS:two.example");
const client = authority.issue("client", "DNS:client.example");
const strange = stranger.issue("strange", "DNS:client.example");
const pair = (files: CertificateFiles) => ({
  certificate_chain: { filename: files.cert },
  private_key: { filename: files.key },
});
const direct = { match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: "hello" } } };
const answer = manager([direct], { delayed_close_timeout: "0.05s" });
const context = (common: object, more: object = {}) => tlsSocket("Downstream", { common_tls_context: common, ...more });
const params = {
  tls_maximum_protocol_version: "TLSv1_3",
  cipher_suites: ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"],
  ecdh_curves: ["P-256", "X25519"],
};
const alpn = { alpn_protocols: ["h2", "http/1.1"] };
const secure = context({ ...alpn, tls_params: params, tls_certificates: [pair(one), pair(rsa)] });
let sides: Side[] = [];
const pairOfWorkers: Nuncio[] = [];

beforeAll(async () => {
  sides = await startSides(folder, 3, ([names = 0, required = 0, sni = 0]) => ({
    static_resources: {
      listeners: [
        listener(
          "names",
          names,
          [
            chain(answer, context({ ...alpn, tls_certificates: [pair(two)] }), { server_names: ["two.example"] }),
            chain(answer, secure),
          ],
          [tlsInspector],
        ),
        listener("sni", sni, [
          chain(answer, context({ ...alpn, tls_certificates: [pair(one)] }, { require_sni: true })),
        ]),
        listener("required", required, [
          chain(
            answer,
            context(
              { tls_certificates: [pair(one)], validation_context: { trusted_ca: { filename: authority.ca } } },
              { require_client_certificate: true },
            ),
          ),
        ]),
      ],
    },
  }));
  for (const binary of [null, peer("envoy")].slice(0, sides.length)) {
    pairOfWorkers.push(
      await startNuncio({
        ...(binary === null ? {} : { binary }),
        args: ["--concurrency", "2"],
        backendPort: 1,
        manager: answer as Record<string, unknown>,
        transportSocket: secure,
      }),
    );
  }
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  for (const nuncio of pairOfWorkers) await nuncio.stop();
  rmSync(folder, { recursive: true });
});

const good = `-cert ${client.cert} -key ${client.key}`;
const http1 = "-alpn http/1.1";
const cases: { name: string; options: string; port?: 0 | 1 | 2; seen: RegExp }[] = [
  { name: "TLS 1.3", options: `-tls1_3 ${http1}`, seen: /^TLSv1.3 TLS_\w+ http\/1.1 one 200$/ },
  { name: "TLS 1.2", options: `-tls1_2 ${http1}`, seen: /^TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 http\/1.1 one 200$/ },
  {
    name: "TLS 1.2, RSA",
    options: `-tls1_2 ${http1} -cipher ECDHE-RSA-AES128-GCM-SHA256`,
    seen: /^TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 http\/1.1 one-rsa 200$/,
  },
  { name: "TLS 1.1", options: "-tls1_1 -cipher DEFAULT@SECLEVEL=0", seen: /^refused$/ },
  { name: "a cipher that is not allowed", options: "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", seen: /^refused$/ },
  { name: "a cipher without forward secrecy", options: "-tls1_2 -cipher AES128-GCM-SHA256", seen: /^refused$/ },
  { name: "curve P-256", options: `-curves P-256 ${http1}`, seen: /one 200$/ },
  { name: "curve X25519", options: `-curves X25519 ${http1}`, seen: /one 200$/ },
  { name: "curve P-384 alone", options: `-curves P-384 ${http1}`, seen: /^refused$/ },
  { name: "signatures of RSA only", options: `-sigalgs rsa_pss_rsae_sha256 ${http1}`, seen: /one-rsa 200$/ },
  { name: "ALPN h2", options: "-alpn h2", seen: /^TLSv1.3 TLS_\w+ h2 one -$/ },
  { name: "ALPN http/1.1 before h2", options: "-alpn http/1.1,h2", seen: / h2 one -$/ },
  { name: "ALPN of nothing known", options: "-alpn acme/1", seen: / - one 200$/ },
  { name: "no ALPN", options: "", seen: / - one 200$/ },
  { name: "a server name", options: `-servername two.example ${http1}`, seen: / two 200$/ },
  { name: "a server name in capitals", options: `-servername TWO.example ${http1}`, seen: / two 200$/ },
  { name: "an unknown server name", options: `-servername three.example ${http1}`, seen: / one 200$/ },
  { name: "no server name", options: `-noservername ${http1}`, seen: / one 200$/ },
  { name: "no server name where require_sni is set", port: 2, options: `-noservername ${http1}`, seen: / one 200$/ },
  { name: "a client certificate nobody asks for", options: `${good} ${http1}`, seen: / one 200$/ },
  { name: "a client certificate", port: 1, options: good, seen: / one 200$/ },
  {
    name: "a client certificate, TLS 1.2",
    port: 1,
    options: `-tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384 ${good}`,
    seen: /^TLSv1.2 .* one 200$/,
  },
  {
    name: "a stranger's client certificate",
    port: 1,
    options: `-cert ${strange.cert} -key ${strange.key}`,
    seen: /^refused$/,
  },
  { name: "no client certificate", port: 1, options: "", seen: /^refused$/ },
  { name: "no client certificate, TLS 1.2", port: 1, options: "-tls1_2", seen: /^refused$/ },
];

describe.each(cases)("openssl: $name", ({ options, port, seen }) => {
  test("the same from both", async () => {
    const outcomes = await onSides(sides, async ({ ports }) =>
      summary(await sClient(ports[port ?? 0] as number, options)),
    );
    expect(outcomes[0]).toMatch(seen);
    // Of TLS 1.3's suites BoringSSL takes the client's first, OpenSSL the server's.
    const [ours, theirs = ours] = outcomes.map((outcome) => outcome.replace(/TLS_\w+/, "TLS"));
    expect(ours).toBe(theirs);
  });
});

test.each(["-tls1_2", "-tls1_3"])("%s sessions are resumed by whichever of two workers", async (version) => {
  for (const [i, { port }] of pairOfWorkers.entries()) {
    const file = join(folder, `session${version}${i}`);
    expect(await sClient(port, `${version} ${http1} -sess_out ${file}`)).toMatch(/^New, /m);
    expect(existsSync(file)).toBe(true);
    for (let k = 0; k < 12; k++) {
      const text = await sClient(port, `${version} ${http1} -sess_in ${file}`);
      expect(text).toMatch(/^Reused, /m);
      expect(text).toContain("HTTP/1.1 200");
    }
  }
});

test("-reconnect resumes five times", async () => {
  const counts = [];
  for (const { port } of pairOfWorkers) {
    const text = await sClient(port, `-tls1_2 ${http1} -reconnect`);
    counts.push([text.match(/^New, /gm)?.length, text.match(/^Reused, /gm)?.length]);
  }
  for (const count of counts) expect(count).toEqual([1, 5]);
});

test("a session of another certificate's chain is not taken for this one", async () => {
  const outcomes = await onSides(sides, async ({ name, ports }) => {
    const file = join(folder, `other-${name}`);
    await sClient(ports[0] as number, `-tls1_3 -servername two.example ${http1} -sess_out ${file}`);
    const text = await sClient(ports[0] as number, `-tls1_3 -servername one.example ${http1} -sess_in ${file}`);
    return /^(New|Reused), /m.exec(text)?.[1];
  });
  expect(outcomes[0]).toBe(outcomes.at(-1));
});

test("no second handshake on a connection", async () => {
  for (const { port } of pairOfWorkers) {
    const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-tls1_2"], {
      stdio: ["pipe", "ignore", "pipe"],
      timeout: 10_000,
    });
    child.stdin.on("error", () => {});
    // The command to renegotiate.
    child.stdin.write("R\n");
    expect(await textOf(child.stderr)).toMatch(/no renegotiation/);
  }
});

/** Asks for one page and gives what openssl printed. */
async function sClient(port: number, options: string): Promise<string> {
  const args = ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", authority.ca, "-ign_eof"];
  const child = spawn("openssl", [...args, ...options.split(" ").filter(Boolean)], {
    stdio: ["pipe", "pipe", "ignore"],
    timeout: 10_000,
  });
  child.stdin.on("error", () => {});
  child.stdin.end("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  return textOf(child.stdout);
}

/** Version, cipher, ALPN, certificate and status; "refused" where nothing was answered and no ALPN of HTTP/2 agreed. */
function summary(text: string): string {
  const status = /HTTP\/1.1 (\d+)/.exec(text)?.[1];
  const protocol = /ALPN protocol: (\S+)/.exec(text)?.[1] ?? "-";
  if (status === undefined && protocol !== "h2") return "refused";
  const [, version, cipher] = /^(?:New|Reused), (\S+), Cipher is (\S+)/m.exec(text) ?? [];
  const used = /^ {4}Protocol {2}: (\S+)/m.exec(text)?.[1] ?? version;
  return [used, cipher, protocol, /^subject=CN = (\S+)/m.exec(text)?.[1], status ?? "-"].join(" ");
}
