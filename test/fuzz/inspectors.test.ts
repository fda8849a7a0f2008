import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  httpInspector,
  type Inspection,
  type Inspector,
  ProxyProtocolInspector,
  TlsInspector,
} from "../../src/net/inspector.ts";
import { captures, mutated, runs } from "./mutate.ts";

// What looks at the first bytes of connections: no throw, "more" until it knows and never another answer afterwards, and an end to "more".

const proxyInspector = new ProxyProtocolInspector(
  { allowsNone: true, disallowed: [], passedTlvs: "all", statPrefix: "" },
  { onHeader() {} },
);
const tlsInspector = new TlsInspector({ ja3: true, ja4: true });
const hellos = captures("clientHellos");
const proxied = [
  "PROXY TCP4 10.1.2.3 10.9.8.7 4321 80\r\nGET / HTTP/1.1\r\n",
  "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n",
  "PROXY UNKNOWN\r\n",
  "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\x01\x02\x03\x0a\x09\x08\x07\x10\xe1\0PGET",
  "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13\x0a\x01\x02\x03\x0a\x09\x08\x07\x10\xe1\0P\xe0\0\x01a\xe1\0\0",
  `\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24${"\x20\x01".repeat(18)}`,
  "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0rest",
].map((text) => Buffer.from(text, "latin1"));
const http = [...captures("http1Requests"), ...captures("http2Requests")];
const words = [
  "\r\n",
  " ",
  "\0",
  "\xff\xff",
  "\x16\x03\x01",
  "PROXY ",
  "\r\n\r\n\0\r\nQUIT\n",
  "HTTP/1.1",
  "\x7f",
  "\0\0\0\0",
].map((text) => Buffer.from(text, "latin1"));
const inspectors: { name: string; inspector: Inspector; inputs: Buffer[]; longest: number }[] = [
  { name: "proxy_protocol", inspector: proxyInspector, inputs: proxied, longest: 16 + 65_535 },
  { name: "tls_inspector", inspector: tlsInspector, inputs: hellos, longest: 16_384 + 5 * 16_384 },
  { name: "http_inspector", inspector: httpInspector, inputs: http, longest: 8192 },
];

describe.each(inspectors)("$name", ({ inspector, inputs, longest }) => {
  const pieces = inputs.map((bytes) =>
    Array.from({ length: Math.ceil(bytes.length / 8) }, (_, i) => bytes.subarray(8 * i, 8 * i + 8)),
  );

  test("an answer stays the same whatever follows", () => {
    fc.assert(
      fc.property(mutated(pieces, words), (bytes) => {
        const whole = look(inspector, bytes);
        let known: string | null = null;
        for (let end = 1; end <= bytes.length; end++) {
          const answer = look(inspector, bytes.subarray(0, end));
          if (known !== null) expect(answer).toBe(known);
          else if (!answer.startsWith('"more"')) known = answer;
        }
        expect(known ?? whole).toBe(whole);
      }),
      runs(300),
    );
  });

  test("there is an end to it", () => {
    fc.assert(
      fc.property(
        fc.oneof(mutated(pieces, words), fc.constantFrom(...inputs.map((bytes) => bytes.subarray(0, 12)))),
        fc.nat(255),
        (bytes, fill) => {
          const long = Buffer.concat([bytes, Buffer.alloc(longest, fill)]);
          expect(look(inspector, long)).not.toMatch(/^"more"/);
        },
      ),
      runs(300),
    );
  });
});

test("the recorded bytes are what they are", () => {
  for (const bytes of hellos) expect(look(tlsInspector, bytes)).toMatch(/^0 .*"hello":{"serverName"/);
  for (const bytes of proxied) expect(look(proxyInspector, bytes)).toMatch(/^\d+ .*"proxied":{"version"/);
  for (const bytes of http) expect(look(httpInspector, bytes)).toMatch(/^0 .*"httpProtocol":"(http\/1\.[01]|h2c)"/);
});

function look(inspector: Inspector, bytes: Buffer): string {
  const inspection: Inspection = { proxied: null, hello: null, helloFault: null, httpProtocol: "" };
  const taken = inspector.inspect(bytes, inspection);
  return `${JSON.stringify(taken)} ${JSON.stringify(inspection)}`;
}
