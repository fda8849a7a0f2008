import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";

const ways = [{ node: "26.4 and newer" }, { node: "before 26.4" }];

describe.each(ways)("Node $node", ({ node }) => {
  test("a port is held beside the sockets that listen, and gets no connections", async () => {
    const { bindSocket } = await load(node);
    const bound = bindSocket({ host: "127.0.0.1", port: 0, path: null }, false);
    if (typeof bound === "string") throw new Error(bound);
    const connect = () => once(net.connect(bound.port, "127.0.0.1"), "connect");
    await expect(connect()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    const server = net.createServer((socket) => socket.destroy());
    server.listen({ host: "127.0.0.1", port: bound.port, reusePort: true });
    await once(server, "listening");
    for (let i = 0; i < 20; i++) await connect();
    server.close();
    bound.close();
  });

  test("what the system refuses has its code", async () => {
    const { bindSocket } = await load(node);
    const taken = net.createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    expect(bindSocket({ host: "127.0.0.1", port, path: null }, false)).toBe("EADDRINUSE");
    expect(bindSocket({ host: "192.0.2.1", port: 0, path: null }, false)).toBe("EADDRNOTAVAIL");
    expect(bindSocket({ host: "", port: 0, path: "/nowhere/at/all" }, false)).toBe("ENOENT");
  });

  test("a path is tried, and left free", async () => {
    const { bindSocket } = await load(node);
    const path = join(tmpdir(), `nuncio-bind-${process.pid}`);
    expect(bindSocket({ host: "", port: 0, path }, false)).toMatchObject({ port: 0 });
    const server = net.createServer().listen(path);
    await once(server, "listening");
    server.close();
  });
});

async function load(node: string): Promise<typeof import("./bind.ts")> {
  vi.resetModules();
  const { BoundSocket } = net;
  expect(BoundSocket).toBeDefined();
  if (node.startsWith("before")) Reflect.set(net, "BoundSocket", undefined);
  onTestFinished(() => void Reflect.set(net, "BoundSocket", BoundSocket));
  return import("./bind.ts");
}
