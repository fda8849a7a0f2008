import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { demoBanner, startDemo } from "./demo.ts";

const wanted = { listener: 39_100, admin: 39_200, backend: 39_300 };

test("the backend says what it was asked", async () => {
  const demo = await startDemo(undefined, wanted);
  const response = await fetch(`http://127.0.0.1:${demo.ports.backend}/v1/items`);
  expect(await response.text()).toMatch(/^backend saw GET \/v1\/items\n/);
  demo.close();
});

test("a port that is taken is named, and the next one is in the bootstrap", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen({ host: "127.0.0.1", port: 0 }, () => resolve()));
  const { port } = taken.address() as AddressInfo;
  const demo = await startDemo(undefined, { ...wanted, listener: port });
  expect(demo.ports.listener).toBeGreaterThan(port);
  expect(demo.notes).toContain(`port ${port} (listener) is taken, using ${demo.ports.listener}`);
  expect(demo.yaml).toContain(`port_value: ${demo.ports.listener} `);
  expect(demo.yaml).toContain(`port_value: ${demo.ports.admin} `);
  expect(demo.yaml).toContain(`port_value: ${demo.ports.backend} `);
  demo.close();
  taken.close();
});

test("the banner is six lines", () => {
  expect(demoBanner(wanted).split("\n")).toHaveLength(6);
});
