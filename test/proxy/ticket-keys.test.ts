import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authority } from "./certificates.ts";
import { chain, listener, manager, onSides, type Side, startSides, tlsSocket } from "./sides.ts";

// session_ticket_keys in turn: which tickets openssl resumes, at listeners of Nuncio and of real Envoy with different keys.

const folder = mkdtempSync(join(tmpdir(), "nuncio-ticket-keys-"));
const certificate = new Authority(folder).issue("server", "DNS:a.example");
const keys = ["a", "b"].map((name) => {
  const file = join(folder, `${name}.ticket`);
  writeFileSync(file, randomBytes(80));
  return { filename: file };
});
const [a, b] = keys;
const lists = [[a], [b, a], [b]];
let sides: Side[] = [];

beforeAll(async () => {
  const answer = manager([{ match: { prefix: "/" }, direct_response: { status: 200 } }], {
    delayed_close_timeout: "0.05s",
  });
  sides = await startSides(folder, lists.length, (ports) => ({
    static_resources: {
      listeners: lists.map((list, i) =>
        listener(`l${i}`, ports[i] ?? 0, [
          chain(
            answer,
            tlsSocket("Downstream", {
              session_ticket_keys: { keys: list },
              common_tls_context: {
                tls_certificates: [
                  { certificate_chain: { filename: certificate.cert }, private_key: { filename: certificate.key } },
                ],
              },
            }),
          ),
        ]),
      ),
    },
  }));
});

afterAll(async () => {
  for (const side of sides) await side.process.stop();
  rmSync(folder, { recursive: true });
});

describe.each(["-tls1_2", "-tls1_3"])("%s", (version) => {
  test("a ticket is taken by those who have its key, and who resumes gets a new one of the newest", async () => {
    const outcomes = await onSides(sides, async ({ name, ports }) => {
      const file = (i: number): string => join(folder, `${name}${version}-${i}`);
      const ask = (at: number, from: number | null, to: number): Promise<string> =>
        sClient(ports[at] ?? 0, version, from === null ? "" : `-sess_in ${file(from)}`, `-sess_out ${file(to)}`);
      return {
        first: await ask(0, null, 0),
        again: await ask(0, 0, 1),
        byBoth: await ask(1, 0, 2),
        byTheNewAlone: await ask(2, 0, 3),
        // openssl does not save a ticket of TLS 1.2 that a resumed connection brought.
        ...(version === "-tls1_3" ? { onceMore: await ask(0, 1, 7), madeAnew: await ask(2, 2, 4) } : {}),
        theNewByBoth: await ask(1, 3, 5),
        theNewByTheOldAlone: await ask(0, 3, 6),
      };
    });
    expect(outcomes[0]).toEqual({
      first: "New",
      again: "Reused",
      byBoth: "Reused",
      byTheNewAlone: "New",
      ...(version === "-tls1_3" ? { onceMore: "Reused", madeAnew: "Reused" } : {}),
      theNewByBoth: "Reused",
      theNewByTheOldAlone: "New",
    });
    if (outcomes.length > 1) expect(outcomes[0]).toEqual(outcomes[1]);
  });
});

async function sClient(port: number, ...options: string[]): Promise<string> {
  const args = [
    "s_client",
    "-connect",
    `127.0.0.1:${port}`,
    "-ign_eof",
    ...options.join(" ").split(" ").filter(Boolean),
  ];
  const child = spawn("openssl", args, { stdio: ["pipe", "pipe", "ignore"], timeout: 30_000 });
  child.stdin.on("error", () => {});
  child.stdin.end("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const text = await textOf(child.stdout);
  expect(text).toContain("HTTP/1.1 200");
  return /^(New|Reused), /m.exec(text)?.[1] ?? "?";
}
