import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";
import { Authority } from "./certificates.ts";
import { accessLog, chain, listener, manager, onSides, type Side, startSides, statsOf, tlsSocket } from "./sides.ts";

// Client certificates with names of other kinds: who is let in, and what the access log says of them, by Nuncio and by real Envoy.

const folder = mkdtempSync(join(tmpdir(), "nuncio-other-names-"));
const authority = new Authority(folder);
const server = authority.issue("server", "DNS:a.example,otherName:1.2.3.4;UTF8:server");
const upn = "1.3.6.1.4.1.311.20.2.3";
const clients = [
  `otherName:${upn};UTF8:user@a.example`,
  `DNS:a.example,otherName:${upn};UTF8:other@b.example,otherName:1.2.3;UTF8:user@a.example`,
  `otherName:1.2.3;IA5STRING:user@a.example,URI:spiffe://a`,
  "otherName:1.2.3;INTEGER:-1234567890123456789012",
  "otherName:1.2.3;INTEGER:255",
  "otherName:1.2.3;BOOLEAN:TRUE",
  "otherName:1.2.3;BOOLEAN:FALSE",
  "otherName:1.2.3;OID:2.999.16384",
  "otherName:1.2.3;BMP:abc",
  "otherName:1.2.3;OCT:octets",
  "otherName:1.2.3;UTCTIME:260101000000Z",
  "otherName:1.2.3;PRINTABLESTRING:user",
  "otherName:2.5.4.3;UTF8:user@a.example",
  "DNS:user.a.example",
].map((san, i) => ({ san, files: authority.issue(`client${i}`, san) }));
const matchers: { name: string; sans: object[] }[] = [
  { name: "an exact UPN", sans: [other(upn, { exact: "user@a.example" })] },
  { name: "a suffix of another kind", sans: [other("1.2.3", { suffix: "a.example" })] },
  { name: "numbers", sans: [other("1.2.3", { safe_regex: { regex: "-?[0-9]+" } })] },
  {
    name: "a kind of which none is, or a DNS name",
    sans: [other("1.2.3.4", { prefix: "u" }), { san_type: "DNS", matcher: { prefix: "user" } }],
  },
  { name: "a DNS matcher with an OID", sans: [{ san_type: "DNS", oid: "1.2.3", matcher: { suffix: "a.example" } }] },
  { name: "any", sans: [other("1.2.3", { safe_regex: { regex: "(?s).*" } }), other(upn, { contains: "@" })] },
];
let sides: Side[] = [];
const logOf = (name: string): string => join(folder, `${name}.log`);

beforeAll(async () => {
  sides = await startSides(folder, matchers.length, (ports, name) => ({
    static_resources: {
      listeners: matchers.map(({ sans }, i) =>
        listener(`l${i}`, ports[i] ?? 0, [chain(managerOf(name, i), secure(sans))]),
      ),
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(folder, { recursive: true });
});

describe.each(matchers.map((matcher, i) => ({ ...matcher, i })))("$name", ({ i }) => {
  test("lets in the same clients, and tells the same of them", async () => {
    const outcomes = await onSides(sides, async (side) => {
      const answers: Record<string, string> = {};
      for (const { san, files } of clients) answers[san] = await ask(side.ports[i] ?? 0, files);
      const served = Object.values(answers).filter((answer) => answer === "200").length;
      const read = (): string[] => {
        const text = existsSync(logOf(side.name)) ? readFileSync(logOf(side.name), "utf8") : "";
        return text.split("\n").filter((line) => line.startsWith(`l${i} `));
      };
      await expect.poll(() => read().length, { timeout: 30_000 }).toBe(served);
      const key = `listener.${i}.ssl.fail_verify_san`;
      const refused = clients.length - served;
      await expect
        .poll(async () => (await statsOf(side, "fail_verify_san")).get(key) ?? 0, { timeout: 30_000 })
        .toBe(refused);
      return { answers, log: read() };
    });
    const [ours, theirs] = outcomes;
    expect(Object.values(ours?.answers ?? {})).toContain("200");
    if (theirs !== undefined) expect(ours).toEqual(theirs);
  });
});

test.each(["", "abc", "1", "9.9.9", "1.2.", "1.40.1"])("no object identifier: %s", (oid) => {
  const file = join(folder, "bad.json");
  const config = secure([other(oid, { exact: "a" })]);
  writeFileSync(
    file,
    JSON.stringify({ static_resources: { listeners: [listener("a", 1, [chain(managerOf("a", 0), config)])] } }),
  );
  for (const command of [candidateCommand, peer("envoy")]) {
    if (command === null) continue;
    const { stderr, status } = spawnSync(command, ["--mode", "validate", "-c", file], { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toContain(`Failed to create SAN matcher for OTHER_NAME with OID: ${oid}`);
  }
});

function other(oid: string, matcher: object): object {
  return { san_type: "OTHER_NAME", oid, matcher };
}

function secure(sans: object[]): object {
  return tlsSocket("Downstream", {
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { filename: server.cert }, private_key: { filename: server.key } }],
      validation_context: { trusted_ca: { filename: authority.ca }, match_typed_subject_alt_names: sans },
    },
  });
}

function managerOf(name: string, i: number): object {
  const log = accessLog(logOf(name), `l${i} %DOWNSTREAM_PEER_OTHERNAME_SAN% %DOWNSTREAM_LOCAL_OTHERNAME_SAN%`);
  return manager([{ match: { prefix: "/" }, direct_response: { status: 200 } }], { access_log: [log] });
}

function ask(port: number, { cert, key }: { cert: string; key: string }): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(
      { host: "127.0.0.1", port, rejectUnauthorized: false, cert: readFileSync(cert), key: readFileSync(key) },
      () => socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    );
    socket.on("data", (data) => (text += data)).on("error", () => {});
    socket.on("close", () => resolve(/^HTTP\/1.1 (\d+)/.exec(text)?.[1] ?? "refused"));
  });
}
