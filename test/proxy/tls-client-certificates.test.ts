import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authority, type CertificateFiles } from "./certificates.ts";
import { accessLog, chain, listener, manager, onSides, type Side, startSides, statsOf, tlsSocket } from "./sides.ts";
import { askOverTls, certificateOf, certificatePair } from "./tls-client.ts";

// Every kind of client certificate against every rule for them, on Nuncio and real Envoy: the answer, the log and ssl.* are the same.

const folder = mkdtempSync(join(tmpdir(), "nuncio-client-certificates-"));
const authority = new Authority(folder);
const stranger = new Authority(folder, "stranger");
// By the name of the authority, but with another key.
const forger = new Authority(mkdtempSync(join(folder, "forger-")));
const server = authority.issue("server", "DNS:server.example");
const names = "DNS:c.example,DNS:*.wild.example,URI:spiffe://td/c,email:c@mail.example,IP:10.1.2.3";
const good = authority.issue("good", names);
const clients: Record<string, CertificateFiles | null> = {
  none: null,
  good,
  "RSA, the same names": authority.issue("rsa", names, { rsa: true }),
  "other names": authority.issue("other", "DNS:d.example,URI:spiffe://td/d"),
  "no names": authority.issue("nameless", ""),
  expired: authority.issue("expired", names, { isExpired: true }),
  revoked: authority.issue("revoked", names),
  stranger: stranger.issue("strange", names),
  "stranger, expired": stranger.issue("old-stranger", names, { isExpired: true }),
  "forged, expired": forger.issue("forged", names, { isExpired: true }),
};
const crl = authority.revoke(clients.revoked as CertificateFiles);
const x509 = new X509Certificate(readFileSync(good.cert));
const hash = createHash("sha256").update(x509.raw).digest("hex");
const spki = createHash("sha256")
  .update(x509.publicKey.export({ type: "spki", format: "der" }))
  .digest("base64");
const ca = { trusted_ca: { filename: authority.ca } };
const san = (type: string, matcher: object) => ({
  ...ca,
  match_typed_subject_alt_names: [{ san_type: type, matcher }],
});
const regex = (text: string) => ({ safe_regex: { regex: text } });

/** validation_context by what it asks for; all but the first require a certificate. */
const rules: Record<string, object | undefined> = {
  optional: ca,
  required: ca,
  "DNS exact": san("DNS", { exact: "c.example" }),
  "DNS exact, in capitals": san("DNS", { exact: "C.EXAMPLE", ignore_case: true }),
  "DNS of a wildcard": san("DNS", { exact: "a.wild.example" }),
  "DNS prefix": san("DNS", { prefix: "c.ex" }),
  "DNS suffix": san("DNS", { suffix: ".example" }),
  "DNS contains": san("DNS", { contains: "c.e" }),
  "DNS regex": san("DNS", regex("c\\.ex.*")),
  "DNS regex that is only a part": san("DNS", regex("c\\.ex")),
  "URI exact": san("URI", { exact: "spiffe://td/c" }),
  "URI prefix": san("URI", { prefix: "spiffe://td/" }),
  "EMAIL exact": san("EMAIL", { exact: "c@mail.example" }),
  "IP exact": san("IP_ADDRESS", { exact: "10.1.2.3" }),
  "URI where the DNS name is": san("URI", { exact: "c.example" }),
  "one of two matchers": {
    ...ca,
    match_typed_subject_alt_names: [
      { san_type: "DNS", matcher: { exact: "nobody.example" } },
      { san_type: "URI", matcher: { exact: "spiffe://td/c" } },
    ],
  },
  hash: { ...ca, verify_certificate_hash: [hash] },
  "hash in capitals with colons": {
    ...ca,
    verify_certificate_hash: [hash.toUpperCase().replace(/..(?!$)/g, "$&:")],
  },
  "hash without an authority": { verify_certificate_hash: [hash] },
  spki: { ...ca, verify_certificate_spki: [spki] },
  "spki or another's hash": { ...ca, verify_certificate_spki: [spki], verify_certificate_hash: ["0".repeat(64)] },
  crl: { ...ca, crl: { filename: crl } },
  "expired is allowed": { ...ca, allow_expired_certificate: true },
  "untrusted is accepted": { ...ca, trust_chain_verification: "ACCEPT_UNTRUSTED" },
  "untrusted is accepted, with a name": {
    ...san("DNS", { exact: "c.example" }),
    trust_chain_verification: "ACCEPT_UNTRUSTED",
  },
  "untrusted is accepted, with a hash": {
    ...ca,
    verify_certificate_hash: [hash],
    trust_chain_verification: "ACCEPT_UNTRUSTED",
  },
  "nothing to verify by": {},
  "no validation_context": undefined,
};
/** Envoy asks nobody for a certificate then, and takes all; to us the field means what it says. */
const stricter = new Set(["nothing to verify by", "no validation_context"]);
const ruleNames = Object.keys(rules);
let sides: Side[] = [];

beforeAll(async () => {
  const direct = { match: { prefix: "/" }, direct_response: { status: 200 } };
  sides = await startSides(folder, ruleNames.length, (ports, name) => {
    const format = "%RESPONSE_CODE% %RESPONSE_FLAGS% %DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_URI_SAN%";
    const log = [accessLog(logOf(name), format)];
    return {
      static_resources: {
        listeners: ports.map((port, i) => {
          const context = {
            require_client_certificate: i > 0,
            common_tls_context: {
              tls_certificates: [certificatePair(server)],
              validation_context: rules[ruleNames[i] as string],
            },
          };
          const access_log = stricter.has(ruleNames[i] as string) ? [] : log;
          const main = manager([direct], { access_log, delayed_close_timeout: "0.05s" });
          return listener(`rule${i}`, port, [chain(main, tlsSocket("Downstream", context))]);
        }),
      },
    };
  });
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(folder, { recursive: true });
});

describe.each(ruleNames.map((rule, index) => ({ rule, index })))("$rule", ({ rule, index }) => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    // All rules with the newer; the older has the same checks in another place of the handshake.
    if (version === "TLSv1.2" && index > 3) continue;
    test(`the same certificates are accepted (${version})`, async () => {
      const outcomes = await onSides(sides, async ({ ports }) => {
        const found: Record<string, string> = {};
        for (const [name, files] of Object.entries(clients)) {
          const options = { ...certificateOf(files), minVersion: version, maxVersion: version };
          found[name] = (await askOverTls(ports[index] as number, options)).status;
        }
        return found;
      });
      const [ours, theirs = ours] = outcomes;
      if (rule === "required") expect(ours).toMatchObject(atLeast);
      expect(ours).toEqual(stricter.has(rule) ? { ...theirs, none: "refused" } : theirs);
    });
  }
});

test("ssl.* of each listener moved alike", async () => {
  const filter = "^listener.*ssl\\.(fail|handshake|connection_error|no_certificate|session)";
  const [ours, theirs = ours] = await onSides(sides, async (side) => {
    const stats = [...(await statsOf(side, filter))];
    return Object.fromEntries(stats.filter(([name]) => !stricter.has(ruleNames[Number(name.split(".")[1])] as string)));
  });
  expect(Object.keys(ours ?? {}).length).toBeGreaterThan(ruleNames.length);
  expect(ours).toEqual(theirs);
});

test("the log says the same of each", async () => {
  const lines = () => sides.map(({ name }) => readFileSync(logOf(name), "utf8").trim().split("\n"));
  await expect.poll(() => new Set(lines().map((each) => each.length)).size).toBe(1);
  const [ours, theirs = ours] = lines();
  expect(ours?.length).toBeGreaterThan(60);
  expect(ours).toEqual(theirs);
});

function logOf(name: string): string {
  return join(folder, `${name}.log`);
}

const atLeast = { none: "refused", good: "200", expired: "refused", stranger: "refused" };
