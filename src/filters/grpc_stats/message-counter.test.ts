import { describe, expect, test } from "vitest";
import { MessageCounter } from "./message-counter.ts";

const frame = (body: string, flag = 0): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, Buffer.from(body)]);
};
const cases: { name: string; bytes: Buffer; count: number; success?: boolean }[] = [
  { name: "nothing", bytes: Buffer.alloc(0), count: 0 },
  { name: "one message", bytes: frame("hello"), count: 1 },
  { name: "an empty message", bytes: frame(""), count: 1 },
  { name: "three messages", bytes: Buffer.concat([frame("a"), frame("".padEnd(300, "b")), frame("c", 1)]), count: 3 },
  { name: "a message that only began", bytes: Buffer.concat([frame("a"), Buffer.of(0)]), count: 2 },
  {
    name: "a Connect stream that ended well",
    bytes: Buffer.concat([frame("a"), frame("{}", 2)]),
    count: 1,
    success: true,
  },
  {
    name: "a Connect stream that failed",
    bytes: Buffer.concat([frame("a"), frame('{"error":{"code":"unavailable"}}', 2)]),
    count: 1,
    success: false,
  },
  { name: "an end that is no JSON", bytes: frame("{", 2), count: 0, success: false },
  { name: "what follows the end", bytes: Buffer.concat([frame("{}", 2), frame("a")]), count: 0, success: true },
];

describe("messages are counted, cut anywhere", () => {
  for (const { name, bytes, count, success = false } of cases) {
    test(name, () => {
      for (let cut = 1; cut <= Math.max(1, bytes.length); cut++) {
        const counter = new MessageCounter();
        let sum = 0;
        for (let at = 0; at < bytes.length; at += cut) sum += counter.inspect(bytes.subarray(at, at + cut));
        expect([sum, counter.count, counter.isConnectSuccess()]).toEqual([count, count, success]);
      }
    });
  }
});
