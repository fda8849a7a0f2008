import { readdirSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { AddressBook } from "./address-book.ts";
import type { NamedListener } from "./messages.ts";

const books: AddressBook[] = [];
const servers: Server[] = [];

afterEach(() => {
  for (const book of books.splice(0)) book.remove("a");
  for (const server of servers.splice(0)) server.close();
});

test("a port 0 stays the same when other addresses come and go", () => {
  const book = newBook();
  expect(book.reserve(listener([0, 0]))).toBe(null);
  const [first, second] = portsOf(book, [0, 0]);
  expect([first, second]).toEqual([expect.any(Number), expect.any(Number)]);
  expect(new Set([first, second, 0]).size).toBe(3);
  expect(book.reserve(listener([0]))).toBe(null);
  book.settle(listener([0]));
  expect(portsOf(book, [0])).toEqual([first]);
});

test("one address that cannot be had leaves the others as they were", async () => {
  const taken = await listening(0);
  const book = newBook();
  const own = await freePort();
  expect(book.reserve(listener([own, taken]))).toMatchObject({ index: 1, code: "EADDRINUSE" });
  // Nobody holds the first one.
  expect(await listening(own)).toBe(own);
});

test("an address is held until the listener serves without it, and then it is free", async () => {
  const book = newBook();
  const port = await freePort();
  const open = () => readdirSync("/proc/self/fd").length;
  const before = open();
  expect(book.reserve(listener([port, 0]))).toBe(null);
  expect(book.reserve(listener([0]))).toBe(null);
  expect(open() - before).toBe(2);
  book.settle(listener([0]));
  await vi.waitFor(() => expect(open() - before).toBe(1));
  book.remove("a");
  await vi.waitFor(() => expect(open()).toBe(before));
});

test("what is bound gets no connections: those who listen beside it get all", async () => {
  const book = newBook();
  expect(book.reserve(listener([0]))).toBe(null);
  const [port = 0] = portsOf(book, [0]);
  const server = createServer((socket) => socket.end("hello")).listen({ port, host: "127.0.0.1", reusePort: true });
  servers.push(server);
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () => (await connect(port, "127.0.0.1").setEncoding("utf8").toArray()).join("")),
  );
  expect(answers).toEqual(answers.map(() => "hello"));
});

function newBook(): AddressBook {
  const book = new AddressBook();
  books.push(book);
  return book;
}

function listener(ports: readonly number[]): NamedListener {
  return { name: "a", addresses: ports.map((port) => ({ address: { host: "127.0.0.1", port, path: null } })) };
}

function portsOf(book: AddressBook, ports: readonly number[]): number[] {
  return book.resolve(listener(ports)).addresses.map(({ address }) => address.port);
}

async function freePort(): Promise<number> {
  const port = await listening(0);
  await new Promise((resolve) => servers.pop()?.close(resolve));
  return port;
}

function listening(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(port, "127.0.0.1", () => {
      servers.push(server);
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound.port : 0);
    });
  });
}
