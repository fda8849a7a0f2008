import { expect, test } from "vitest";
import { packCookie, unpackCookie } from "./packed-cookie.ts";

const cases: [name: string, text: string, address: string][] = [
  ["nothing is an empty message", "", ""],
  ["an address", "\n\x04a:80", "a:80"],
  ["the last of two addresses", "\n\x01a\n\x01b", "b"],
  ["a time to come", "\n\x01a\x10\x65", "a"],
  ["this very second", "\n\x01a\x10\x64", "a"],
  ["a time that has passed", "\n\x01a\x10\x63", ""],
  ["a time before 1970", "\n\x01a\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ""],
  ["unknown fields of all kinds", "\x18\x01\x21ABCDEFGH\x2a\x02xx\x35ABCD\n\x01a", "a"],
  ["a plain address is no message", "127.0.0.2:40000", "127.0.0.2:40000"],
  ["a plain address may be one, of other fields", "10.0.0.1:8080", ""],
  ["a length beyond the end", "\n\x05a", "\n\x05a"],
  ["a number without end", "\n\x01a\x10\xff", "\n\x01a\x10\xff"],
  [
    "a number too long",
    "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
  ],
  ["field 0", "\x00\x01", "\x00\x01"],
  ["a group", "\x0b\x0c", "\x0b\x0c"],
  ["an address that is no UTF-8", "\n\x01\xff", "\n\x01\xff"],
];

for (const [name, text, address] of cases) test(name, () => expect(unpackCookie(text, 100)).toBe(address));

test("what is packed is read again", () => {
  const address = `[${"f".repeat(200)}]:80`;
  expect(unpackCookie(packCookie(address, 2 ** 40), 2 ** 40)).toBe(address);
  expect(unpackCookie(packCookie(address, 2 ** 40), 2 ** 40 + 1)).toBe("");
  expect(packCookie("a", 0)).toBe("\n\x01a");
});
