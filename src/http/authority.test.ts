import { expect, test } from "vitest";
import { hostOf, isEnvoyAuthority, isStrictAuthority, portOf, stripPort, stripTrailingDot } from "./authority.ts";

const table: readonly (readonly [string, boolean, boolean, string, number])[] = [
  // text, strict, Envoy, host, port
  ["example.test", true, true, "example.test", -1],
  ["example.test:80", true, true, "example.test", 80],
  ["example.test:abc", false, true, "example.test", -1],
  ["example.test:", true, true, "example.test", -1],
  ["[::1]:80", true, true, "[::1]", 80],
  ["[::1]", true, true, "[::1]", -1],
  ["[::1", false, true, "[::1", -1],
  ["::1", false, true, "::1", -1],
  ["user@example.test", false, true, "user@example.test", -1],
  ["%65xample.test", false, true, "%65xample.test", -1],
  ["a,b", false, false, "a,b", -1],
  ["a/b", false, false, "a/b", -1],
  ["a?b", false, false, "a?b", -1],
  ["", false, true, "", -1],
  ["my_host", true, true, "my_host", -1],
];
for (const [text, strict, envoy, host, port] of table) {
  test(`the authority "${text}"`, () => {
    expect([isStrictAuthority(text), isEnvoyAuthority(text), hostOf(text), portOf(text)]).toEqual([
      strict,
      envoy,
      host,
      port,
    ]);
  });
}

test("a port is stripped when it matches, or always", () => {
  expect(stripPort("a:80", 80)).toBe("a");
  expect(stripPort("a:81", 80)).toBe("a:81");
  expect(stripPort("[::1]:81", -1)).toBe("[::1]");
  expect(stripTrailingDot("a.:80")).toBe("a:80");
  expect(stripTrailingDot("a.")).toBe("a");
});
