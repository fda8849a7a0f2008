import { expect, test } from "vitest";
import { StatReader } from "../observability/stat-reader.test-kit.ts";
import { StatsSlab } from "../observability/stats.ts";
import { DnsCluster, type ResolvedAddress, resolveFamily } from "./dns.ts";
import { fakeHost, fakeLocality, fakeSpec } from "./fake-world.ts";
import type { ClusterSpec, DnsSpec, HostUpdate } from "./spec.ts";

class World {
  /** Answers in turn; null is a failure. */
  answers: (ResolvedAddress[] | null)[] = [];
  updates: HostUpdate[] = [];
  waits: number[] = [];
  run: () => void = () => {};
  readonly slab = new StatsSlab(new SharedArrayBuffer(1 << 16));
  readonly stats = new StatReader(this.slab);

  cluster(discovery: ClusterSpec["discovery"], change: Partial<DnsSpec> = {}): DnsCluster {
    const name = fakeHost(80, { address: { host: "svc", port: 80, path: null }, hostname: "svc" });
    const dns: DnsSpec = {
      refreshMs: 5000,
      failureBaseMs: 5000,
      failureMaxMs: 5000,
      jitterMs: 0,
      respectTtl: false,
      minRefreshMs: 1000,
      family: "V4_ONLY",
      template: [fakeLocality([name], { zone: "z" })],
      ...change,
    };
    return new DnsCluster({ ...fakeSpec([]), discovery, dns }, 1, this.slab, (update) => this.updates.push(update), {
      resolve: async () => {
        const answer = this.answers.shift();
        if (answer == null) throw new Error("SERVFAIL");
        return answer;
      },
      schedule: (run, delayMs) => {
        this.waits.push(delayMs);
        this.run = run;
        return () => {};
      },
      random: () => 0.5,
    });
  }

  async tick(): Promise<void> {
    this.run();
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  hosts(): string[] {
    return (this.updates.at(-1)?.localities ?? []).flatMap((l) =>
      l.hosts.map((h) => `${h.address.host}:${h.address.port}`),
    );
  }

  stat(name: string): number {
    return (this.stats.value(`cluster.c.${name}`) ?? Number.NaN) + 0;
  }
}

const address = (ip: string, ttlSeconds: number | null = null): ResolvedAddress => ({ address: ip, ttlSeconds });

test("STRICT_DNS: every address is a host, and only a change is an update", async () => {
  const world = new World();
  world.answers = [
    [address("10.0.0.2"), address("10.0.0.1")],
    [address("10.0.0.1"), address("10.0.0.2")],
    [address("10.0.0.2")],
  ];
  const cluster = world.cluster("STRICT_DNS");
  await cluster.start();
  expect(world.hosts()).toEqual(["10.0.0.1:80", "10.0.0.2:80"]);
  expect(cluster.localities).toBe(world.updates[0]?.localities);
  const kept = world.updates[0]?.localities[0]?.hosts[1]?.shared;
  await world.tick();
  expect(world.updates.length).toBe(1);
  expect(world.stat("update_no_rebuild")).toBe(1);
  await world.tick();
  expect(world.hosts()).toEqual(["10.0.0.2:80"]);
  expect(world.updates[1]?.localities[0]?.hosts[0]?.shared).toBe(kept);
  expect(world.updates[1]?.localities[0]?.zone).toBe("z");
  expect([world.stat("update_attempt"), world.stat("update_success")]).toEqual([3, 3]);
});

test("the last good addresses stay on failure, and go on an empty answer", async () => {
  const world = new World();
  world.answers = [[address("10.0.0.1")], null, []];
  await world.cluster("STRICT_DNS").start();
  await world.tick();
  expect(world.updates.length).toBe(1);
  expect(world.stat("update_failure")).toBe(1);
  await world.tick();
  expect(world.hosts()).toEqual([]);
  expect(world.stat("update_empty")).toBe(0);
});

test("LOGICAL_DNS: one host, kept while DNS names it and while the answer is empty", async () => {
  const world = new World();
  world.answers = [
    [address("10.0.0.2"), address("10.0.0.1")],
    [address("10.0.0.1"), address("10.0.0.2")],
    [],
    [address("10.0.0.3")],
  ];
  await world.cluster("LOGICAL_DNS").start();
  expect(world.hosts()).toEqual(["10.0.0.2:80"]);
  await world.tick();
  await world.tick();
  expect(world.updates.length).toBe(1);
  await world.tick();
  expect(world.hosts()).toEqual(["10.0.0.3:80"]);
});

test("a first failure starts the cluster without hosts", async () => {
  const world = new World();
  await world.cluster("STRICT_DNS").start();
  expect(world.updates.length).toBe(1);
  expect(world.hosts()).toEqual([]);
});

test("waits: the refresh rate, the least TTL but not below the minimum, the jittered back-off", async () => {
  const world = new World();
  world.answers = [[address("10.0.0.1", 30), address("10.0.0.2", 20)], [address("10.0.0.1", 0)], null, null, null];
  await world.cluster("STRICT_DNS", { respectTtl: true, failureBaseMs: 1000, failureMaxMs: 3000 }).start();
  for (let i = 0; i < 4; i++) await world.tick();
  expect(world.waits).toEqual([20_000, 1000, 500, 1500, 3000]);
});

test("families: AUTO asks for IPv6 first, V4_PREFERRED for IPv4, ALL for both", async () => {
  const resolve = (have: readonly number[]) => async (_name: string, family: 4 | 6) => {
    if (!have.includes(family)) throw new Error("no");
    return [address(family === 4 ? "10.0.0.1" : "::1")];
  };
  const ask = async (family: DnsSpec["family"], have: readonly number[]): Promise<string> =>
    (await resolveFamily("x", family, resolve(have))).map((entry) => entry.address).join();
  expect(await ask("AUTO", [4, 6])).toBe("::1");
  expect(await ask("AUTO", [4])).toBe("10.0.0.1");
  expect(await ask("V4_PREFERRED", [4, 6])).toBe("10.0.0.1");
  expect(await ask("V4_PREFERRED", [6])).toBe("::1");
  expect(await ask("ALL", [4, 6])).toBe("10.0.0.1,::1");
  expect(await ask("ALL", [6])).toBe("::1");
  await expect(ask("V4_ONLY", [6])).rejects.toThrow();
});
