import { expect, test } from "vitest";
import { GrpcMessages } from "./grpc-messages.ts";

function framed(text: string, flags = 0): Buffer {
  const bytes = Buffer.alloc(5 + text.length);
  bytes[0] = flags;
  bytes.writeUInt32BE(text.length, 1);
  bytes.write(text, 5);
  return bytes;
}

function all(messages: GrpcMessages): string[] {
  const found: string[] = [];
  for (let next = messages.next(); next !== null; next = messages.next()) {
    found.push(next.toString());
    if (typeof next === "string") break;
  }
  return found;
}

const stream = Buffer.concat([framed("one"), framed(""), framed("three")]);

test("messages are the same wherever the bytes are cut", () => {
  for (let first = 0; first <= stream.length; first++) {
    for (let second = first; second <= stream.length; second++) {
      const messages = new GrpcMessages(100);
      const found = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)].flatMap(
        (bytes) => {
          messages.push(bytes);
          return all(messages);
        },
      );
      expect(found).toEqual(["one", "", "three"]);
    }
  }
});

test("what cannot be a message is told as soon as it is known", () => {
  const compressed = new GrpcMessages(100);
  compressed.push(framed("one", 1));
  expect(all(compressed)).toEqual(["a compressed message"]);
  const large = new GrpcMessages(4);
  large.push(Buffer.concat([framed("four"), framed("more!").subarray(0, 5)]));
  expect(all(large)).toEqual(["four", "a message of 5 bytes"]);
});
