import fc from "fast-check";
import { expect, test } from "vitest";
import { writeProxyHeader } from "./proxy-header.ts";
import { type ProxiedAddresses, readProxyHeader } from "./proxy-protocol.ts";

// What is written is read again; that Envoy writes the same is in test/proxy/upstream-proxy-protocol.test.ts.

const canonical = (ip: string): string => (ip.includes(":") ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip);
const port = fc.nat(65_535);
const tlvs = fc.array(fc.record({ type: fc.nat(255), value: fc.uint8Array({ minLength: 1, maxLength: 20 }) }), {
  maxLength: 6,
});
const addresses: fc.Arbitrary<ProxiedAddresses> = fc.constantFrom("v4", "v6").chain((family) => {
  const ip =
    family === "v4"
      ? fc.ipV4()
      : fc
          .ipV6()
          .map(canonical)
          .filter((text) => !text.includes("."));
  return fc.record({ remoteAddress: ip, remotePort: port, localAddress: ip, localPort: port, tlvs });
});

test.each([1, 2] as const)("version %i is read as it was written", (version) => {
  fc.assert(
    fc.property(addresses, (source) => {
      const { bytes, isCut } = writeProxyHeader({ version, passed: "all", added: [] }, source, [], source);
      expect(isCut).toBe(false);
      const header = readProxyHeader(bytes);
      if (typeof header === "string") throw new Error(header);
      expect(header.length).toBe(bytes.length);
      const read = header.addresses?.tlvs.map(({ type, value }) => ({ type, value: [...value] }));
      const written = version === 1 ? [] : source.tlvs.map(({ type, value }) => ({ type, value: [...value] }));
      expect({ ...header.addresses, tlvs: read }).toEqual({ ...source, tlvs: written });
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("without a downstream connection version 2 is LOCAL and version 1 names its own ends", () => {
  const own = { remoteAddress: "127.0.0.1", remotePort: 1, localAddress: "127.0.0.2", localPort: 2, tlvs: [] };
  const write = (version: 1 | 2, ends: ProxiedAddresses) =>
    writeProxyHeader({ version, passed: "all", added: [{ type: 1, value: Buffer.from("a") }] }, null, [], ends).bytes;
  expect(write(2, own).toString("hex")).toBe("0d0a0d0a000d0a515549540a20000000");
  expect(write(1, own).toString()).toBe("PROXY TCP4 127.0.0.1 127.0.0.2 1 2\r\n");
  expect(write(1, { ...own, remoteAddress: "", localAddress: "" }).toString()).toBe("PROXY UNKNOWN\r\n");
});
