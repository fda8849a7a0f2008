import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authority } from "./certificates.ts";
import { chain, cluster, httpOptions, listener, manager, onSides, type Side, startSides, tlsSocket } from "./sides.ts";

// Programs that people use, against Nuncio and real Envoy: curl, nghttp, h2load. What they see must be the same.

const folder = mkdtempSync(join(tmpdir(), "nuncio-clients-"));
const authority = new Authority(folder);
const server = authority.issue("server", "DNS:server.example,IP:127.0.0.1");
const body = join(folder, "body");
const bodyText = "0123456789abcdef".repeat(200_000);
const bodyHash = createHash("sha256").update(bodyText).digest("hex");
writeFileSync(body, bodyText);
const small = join(folder, "small");
writeFileSync(small, "hello");
let sides: Side[] = [];
const backend = createServer({ maxHeaderSize: 200_000 }, async (request, response) => {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of request) {
    hash.update(piece);
    bytes += piece.length;
  }
  const { method, url, httpVersion, headers, trailers } = request;
  if (url === "/trailers") response.setHeader("trailer", "x-sum");
  if (url === "/large") return response.end(bodyText);
  const long = Object.values(headers).reduce((sum, value) => sum + String(value).length, 0);
  response.write(`${method} ${url} HTTP/${httpVersion} ${bytes} ${hash.digest("hex")} ${JSON.stringify(trailers)}`);
  response.write(long > 10_000 ? " long" : "");
  if (url === "/trailers") response.addTrailers({ "x-sum": "7" });
  return response.end("\n");
});

beforeAll(async () => {
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
  const port = (backend.address() as AddressInfo).port;
  const http = { enable_trailers: true };
  const routes = [{ match: { prefix: "/" }, route: { cluster: "backend" } }];
  const upstream = httpOptions({ explicit_http_config: { http_protocol_options: http } });
  const main = manager(routes, { codec_type: "AUTO", http_protocol_options: http });
  const common = {
    alpn_protocols: ["h2", "http/1.1"],
    tls_certificates: [{ certificate_chain: { filename: server.cert }, private_key: { filename: server.key } }],
  };
  sides = await startSides(folder, 2, ([plain = 0, secure = 0]) => ({
    static_resources: {
      listeners: [
        listener("plain", plain, [chain(main, null)]),
        listener("secure", secure, [chain(main, tlsSocket("Downstream", { common_tls_context: common }))]),
      ],
      clusters: [cluster("backend", port, upstream)],
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  backend.close();
  rmSync(folder, { recursive: true });
});

interface ClientCase {
  name: string;
  /** PLAIN and SECURE stand for the URLs of the listeners. */
  command: string;
  /** Of what it printed. */
  seen: RegExp;
}

const empty = createHash("sha256").digest("hex");
const big = `-H x-big:${"b".repeat(8000)}`;
const fullHead = Array.from({ length: 6 }, () => big).join(" ");
const tooMuch = Array.from({ length: 8 }, () => `-H x-big:${"b".repeat(7900)}`).join(" ");
const curl = `curl -sS --max-time 20 --cacert ${authority.ca} -w %{http_version}/%{response_code}/%{num_connects}`;
const curlCases: ClientCase[] = [
  {
    name: "HTTP/2 by prior knowledge",
    command: "--http2-prior-knowledge PLAIN/a",
    seen: /^GET \/a HTTP\/1.1 0 .*\n2\/200\/1$/,
  },
  { name: "HTTP/2 by Upgrade stays HTTP/1.1", command: "--http2 PLAIN/a", seen: /^GET \/a .*\n1.1\/200\/1$/ },
  { name: "HTTP/1.0", command: "--http1.0 PLAIN/a", seen: /426/ },
  { name: "HTTP/2 by ALPN", command: "--http2 SECURE/a", seen: /\n2\/200\/1$/ },
  { name: "HTTP/1.1 by ALPN", command: "--http1.1 SECURE/a", seen: /\n1.1\/200\/1$/ },
  { name: "no ALPN", command: "--no-alpn SECURE/a", seen: /\n1.1\/200\/1$/ },
  { name: "TLS 1.2 at most", command: "--tls-max 1.2 SECURE/a", seen: /\n2\/200\/1$/ },
  { name: "TLS 1.3 at least", command: "--tlsv1.3 SECURE/a", seen: /\n2\/200\/1$/ },
  {
    name: "TLS 1.1 at most is refused",
    command: "--tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 SECURE/a",
    seen: /^0\/000\/1 exit 35$/,
  },
  {
    name: "an unknown authority",
    command: "--cacert /etc/ssl/certs/ca-certificates.crt SECURE/a",
    seen: /^0\/000\/1 exit 60$/,
  },
  {
    name: "a name that the certificate has",
    command: "--resolve server.example:SECUREPORT:127.0.0.1 https://server.example:SECUREPORT/a",
    seen: /2\/200\/1$/,
  },
  {
    name: "a name that it has not",
    command: "--resolve other.example:SECUREPORT:127.0.0.1 https://other.example:SECUREPORT/a",
    seen: /^0\/000\/1 exit 60$/,
  },
  {
    name: "3 MB up by HTTP/2",
    command: `--http2-prior-knowledge -T ${body} PLAIN/a`,
    seen: new RegExp(`^PUT /a HTTP/1.1 3200000 ${bodyHash} `),
  },
  { name: "3 MB up by HTTP/2 over TLS", command: `-T ${body} SECURE/a`, seen: new RegExp(`3200000 ${bodyHash} `) },
  {
    name: "3 MB up with Expect",
    command: `--http1.1 -H Expect:100-continue -T ${body} PLAIN/a`,
    seen: new RegExp(`3200000 ${bodyHash} `),
  },
  {
    name: "3 MB up in chunks",
    command: `--http1.1 -H Transfer-Encoding:chunked -T ${body} PLAIN/a`,
    seen: new RegExp(`3200000 ${bodyHash} `),
  },
  {
    name: "3 MB up without an end told first",
    command: `--http2-prior-knowledge -H content-length: -T ${body} PLAIN/a`,
    seen: new RegExp(`3200000 ${bodyHash} `),
  },
  {
    name: "3 MB down by HTTP/2",
    command: "--http2-prior-knowledge -o /dev/null -w /%{size_download} PLAIN/large",
    seen: /3200000/,
  },
  {
    name: "3 MB down by HTTP/2 over TLS, slowly",
    command: "--limit-rate 12M -o /dev/null -w /%{size_download} SECURE/large",
    seen: /3200000/,
  },
  { name: "trailers by HTTP/2", command: "--http2-prior-knowledge -i -H te:trailers PLAIN/trailers", seen: /x-sum: 7/ },
  { name: "trailers by HTTP/1.1", command: "--http1.1 -i -H te:trailers PLAIN/trailers", seen: /x-sum: 7/i },
  { name: "HEAD by HTTP/2", command: "--http2-prior-knowledge -I PLAIN/a", seen: /^HTTP\/2 200/ },
  {
    name: "DELETE with a body",
    command: `--http2-prior-knowledge -X DELETE -d @${small} PLAIN/a`,
    seen: /^DELETE \/a HTTP\/1.1 5 /,
  },
  {
    name: "four URLs on one connection",
    command: "SECURE/a SECURE/b SECURE/c SECURE/d",
    seen: /2\/200\/1GET \/b .*\n2\/200\/0GET/s,
  },
  { name: "fields of 48 KB", command: `--http2-prior-knowledge ${fullHead} PLAIN/a`, seen: / long\n2\/200\/1$/ },
  { name: "fields of 63 KB", command: `--http2-prior-knowledge ${tooMuch} PLAIN/a`, seen: /exit 92$/ },
  { name: "fields of 63 KB by HTTP/1.1", command: `--http1.1 ${tooMuch} PLAIN/a`, seen: /431/ },
  { name: "HTTP to the TLS port", command: "http://127.0.0.1:SECUREPORT/a", seen: /^0\/000\/1 exit 52$|exit 56$/ },
  { name: "TLS to the port without", command: "https://127.0.0.1:PLAINPORT/a", seen: /exit 35$/ },
];

const nghttp = "nghttp -y -v -t 20";
const nghttpCases: ClientCase[] = [
  { name: "forty streams", command: "-m 40 PLAIN/a", seen: /^200 ×40$/ },
  { name: "forty streams over TLS", command: "-m 40 SECURE/a", seen: /^200 ×40$/ },
  { name: "Upgrade to h2c is not done", command: "-u PLAIN/a", seen: /^exit 1$|^$/ },
  { name: "a head in CONTINUATION", command: "--continuation PLAIN/a", seen: /^200 ×1$/ },
  { name: "fields of 48 KB", command: `${fullHead} PLAIN/a`, seen: /^200 ×1$/ },
  { name: "fields of 63 KB", command: `${tooMuch} PLAIN/a`, seen: /^INTERNAL_ERROR$/ },
  { name: "padding of 200 bytes", command: `-b 200 -d ${small} PLAIN/a`, seen: /^200 ×1 HTTP\/1.1 5 / },
  { name: "trailers", command: `--no-content-length --trailer x-t:1 -d ${small} PLAIN/a`, seen: /^200 ×1 .*x-t/ },
  { name: "an upload", command: `-d ${body} PLAIN/a`, seen: new RegExp(`^200 ×1 .*3200000 ${bodyHash}`) },
  {
    name: "an upload without its length",
    command: `--no-content-length -d ${body} PLAIN/a`,
    seen: new RegExp(`^200 ×1 .*3200000 ${bodyHash}`),
  },
  { name: "expect: 100-continue", command: `--expect-continue -d ${small} PLAIN/a`, seen: /^100 ×1, 200 ×1/ },
  { name: "small windows", command: "-n -w 8 -W 9 PLAIN/large", seen: /^200 ×1$/ },
  { name: "no table of fields", command: "-c 0 -m 10 PLAIN/a", seen: /^200 ×10$/ },
  { name: "a table that shrinks", command: "-c 8192 -c 100 -m 10 PLAIN/a", seen: /^200 ×10$/ },
  { name: "one stream at a time", command: "-M 1 -m 10 PLAIN/a", seen: /^200 ×10$/ },
  { name: "no priorities", command: "--no-dep -m 10 PLAIN/a", seen: /^200 ×10$/ },
];

const loadCases: { name: string; command: string; requests: number }[] = [
  { name: "1 connection, 100 streams", command: "-n 1000 -c 1 -m 100 PLAIN/a", requests: 1000 },
  { name: "20 connections, 1 stream", command: "-n 400 -c 20 -m 1 PLAIN/a", requests: 400 },
  { name: "10 connections, 10 streams, TLS", command: "-n 800 -c 10 -m 10 SECURE/a", requests: 800 },
  { name: "HTTP/1.1, 10 connections", command: "-n 400 -c 10 --h1 PLAIN/a", requests: 400 },
  { name: "HTTP/1.1 over TLS", command: "-n 400 -c 10 --h1 SECURE/a", requests: 400 },
  { name: "uploads", command: `-n 20 -c 2 -m 5 -d ${body} PLAIN/a`, requests: 20 },
  { name: "3 MB down in small windows", command: "-n 6 -c 2 -m 3 -w 12 -W 14 PLAIN/large", requests: 6 },
  { name: "fields of 48 KB", command: `-n 60 -c 3 -m 10 ${fullHead} PLAIN/a`, requests: 60 },
  { name: "no table of fields", command: "-n 400 -c 2 -m 20 --header-table-size=0 PLAIN/a", requests: 400 },
];

describe.each(curlCases)("curl: $name", ({ command, seen }) => {
  test("the same from both", async () => {
    const outcomes = await onSides(sides, async (side) => {
      const { output, code } = await run(`${curl} ${command}`, side);
      return tidy(output) + (code === 0 ? "" : ` exit ${code}`);
    });
    expect(outcomes[0]).toMatch(seen);
    expect(outcomes.at(-1)).toBe(outcomes[0]);
  });
});

describe.each(nghttpCases)("nghttp: $name", ({ command, seen }) => {
  test("the same from both", async () => {
    const outcomes = await onSides(sides, async (side) => {
      const { output, code } = await run(`${nghttp} ${command}`, side);
      const statuses = [...output.matchAll(/:status: (\d+)/g)].map((match) => match[1] as string);
      const counts = [...new Set(statuses)].map(
        (status) => `${status} ×${statuses.filter((s) => s === status).length}`,
      );
      const told = / (?:HTTP\/1.1|x-t) .*\d+ [0-9a-f]{64}.*/.exec(command.includes("-d ") ? output : "")?.[0] ?? "";
      const reset = /error_code=(?!NO_ERROR)(\w+)/.exec(output)?.[1] ?? "";
      return [counts.join(", ") + told, reset, code === 0 ? "" : `exit ${code}`].filter(Boolean).join(" ");
    });
    expect(outcomes[0]).toMatch(seen);
    expect(outcomes.at(-1)).toBe(outcomes[0]);
  });
});

describe.each(loadCases)("h2load: $name", ({ command, requests }) => {
  test("every request is answered by both", async () => {
    const outcomes = await onSides(sides, async (side) => {
      const { output } = await run(`h2load ${command}`, side);
      return /requests: .*/.exec(output)?.[0];
    });
    const all = `requests: ${requests} total, ${requests} started, ${requests} done, ${requests} succeeded, 0 failed, 0 errored, 0 timeout`;
    for (const outcome of outcomes) expect(outcome).toBe(all);
  });
});

async function run(
  command: string,
  { ports: [plain, secure] }: Side,
): Promise<{ output: string; code: number | null }> {
  const filled = command
    .replaceAll("PLAINPORT", String(plain))
    .replaceAll("SECUREPORT", String(secure))
    .replaceAll("PLAIN", `http://127.0.0.1:${plain}`)
    .replaceAll("SECURE", `https://127.0.0.1:${secure}`);
  const [program = "", ...args] = filled.split(" ");
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"], timeout: 25_000 });
  const code = new Promise<number | null>((resolve) => child.once("close", resolve));
  const output = await textOf(child.stdout);
  return { output, code: await code };
}

/** Without what each answer has of its own. */
function tidy(output: string): string {
  return output
    .replaceAll("\r", "")
    .replaceAll(empty, "empty")
    .replace(/^date: .*\n/gim, "")
    .replace(/^x-envoy-upstream-service-time: .*\n/gim, "");
}
