import { expect, test } from "vitest";
import { Word64 } from "../../net/word64.ts";
import { ClusterStats } from "../cluster-stats.ts";
import { FakeWorld, fakeHost, fakeLocality, fakeSpec } from "../fake-world.ts";
import { Host, HostSet } from "../host-set.ts";
import { HostStat } from "../host-stats.ts";
import { nowhere } from "../local-zone.ts";
import type { HostHealth, LbSpec, LocalitySpec } from "../spec.ts";
import { createPicker } from "./policy.ts";
import type { PickerContext } from "./slow-start.ts";

const lb: LbSpec = fakeSpec([]).lb;
const hash = new Word64();
const first = (): number => 0;
const drawing = (random: () => number): PickerContext => ({ random, now: () => 0 });

function hosts(...weights: number[]): Host[] {
  return weights.map((weight, i) => new Host(fakeHost(i + 1, { weight }), fakeLocality([]), 0, 0));
}

function picks(pick: () => Host | null, times: number): string {
  return Array.from({ length: times }, () => pick()?.address.port ?? "-").join("");
}

test("round robin goes round from a random start", () => {
  const picker = createPicker(
    lb,
    hosts(1, 1, 1),
    drawing(() => 0.4),
  );
  expect(picks(() => picker.pick(hash, 0), 7)).toBe("2312312");
});

test("weights share the picks exactly and smoothly", () => {
  const picker = createPicker(lb, hosts(3, 1, 2), drawing(first));
  const round = picks(() => picker.pick(hash, 0), 600);
  for (const [port, count] of [
    ["1", 300],
    ["2", 100],
    ["3", 200],
  ] as const) {
    expect(Math.abs(round.split(port).length - 1 - count)).toBeLessThanOrEqual(1);
  }
  expect(round).not.toContain("111");
});

test("random ignores weights", () => {
  const values = [0, 0.99, 0.5];
  const picker = createPicker(
    { ...lb, policy: "RANDOM" },
    hosts(1, 9),
    drawing(() => values.shift() as number),
  );
  expect(picks(() => picker.pick(hash, 0), 3)).toBe("122");
});

test("least request takes the less busy of two drawn", () => {
  const list = hosts(1, 1, 1);
  const values = [0, 0.7, 0.7, 0.4, 0.4, 0.4];
  for (const [i, active] of [5, 1, 3].entries()) {
    const stats = (list[i] as Host).stats;
    stats.cells[stats.base + HostStat.rqActive] = active;
  }
  const picker = createPicker(
    { ...lb, policy: "LEAST_REQUEST" },
    list,
    drawing(() => values.shift() as number),
  );
  expect(picks(() => picker.pick(hash, 0), 3)).toBe("322");
  const scan = createPicker({ ...lb, policy: "LEAST_REQUEST", isFullScan: true }, list, drawing(first));
  expect(picks(() => scan.pick(hash, 0), 2)).toBe("22");
});

test("least request with weights sends less to a busy host", () => {
  const list = hosts(2, 1);
  const stats = (list[0] as Host).stats;
  stats.cells[stats.base + HostStat.rqActive] = 7;
  const picker = createPicker({ ...lb, policy: "LEAST_REQUEST" }, list, drawing(first));
  expect(picks(() => picker.pick(hash, 0), 100).split("1").length - 1).toBeLessThan(25);
});

test("new hosts come to their weight as Envoy's formula says", () => {
  // weight x max((age / window) ^ (1 / aggression), least): the documentation of SlowStartConfig.
  const cases: [ageMs: number, aggression: number, leastFactor: number, factor: number][] = [
    [0, 1, 0.1, 0.1],
    [50, 1, 0.1, 0.5],
    [99, 1, 0.1, 0.99],
    [100, 1, 0.1, 1],
    [25, 2, 0, 0.5],
    [50, 0.5, 0, 0.25],
    [10, 1, 0.35, 0.35],
  ];
  for (const [ageMs, aggression, leastFactor, factor] of cases) {
    const [old, fresh] = hosts(1, 1) as [Host, Host];
    old.healthySinceMs = -1000;
    const slowStart = { windowMs: 100, aggression, leastFactor };
    const picker = createPicker({ ...lb, slowStart }, [old, fresh], { random: first, now: () => ageMs });
    const share = picks(() => picker.pick(hash, 0), 2000).split("2").length - 1;
    expect(Math.abs(share - (2000 * factor) / (1 + factor))).toBeLessThanOrEqual(2);
  }
});

test("no picker finds a host in an empty list", () => {
  for (const policy of ["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM"] as const) {
    expect(createPicker({ ...lb, policy }, [], drawing(first)).pick(hash, 0)).toBe(null);
  }
});

function hostSet(
  change: Partial<LbSpec>,
  random: () => number,
  ...localities: LocalitySpec[]
): { set: HostSet; panics: number[] } {
  const panics: number[] = [];
  const live = localities.map((spec) => ({ spec, hosts: spec.hosts.map((host) => new Host(host, spec, 0, 0)) }));
  return {
    set: new HostSet({ ...lb, ...change }, live, {
      overprovisioningPct: 140,
      random,
      now: () => 0,
      onPanic: () => panics.push(1),
      activeRequests: () => 0,
      zone: nowhere,
      stats: new ClusterStats(new FakeWorld().slab, "c", ""),
    }),
    panics,
  };
}

function at(port: number, health: HostHealth): ReturnType<typeof fakeHost> {
  return fakeHost(port, { health });
}

test("unhealthy hosts are left out above the panic threshold and used below it", () => {
  const calm = hostSet({}, first, fakeLocality([at(1, "HEALTHY"), at(2, "UNHEALTHY")]));
  expect(picks(() => calm.set.choose(hash, null, null), 4)).toBe("1111");
  expect(calm.panics.length).toBe(0);
  const panic = hostSet({}, first, fakeLocality([at(1, "HEALTHY"), at(2, "UNHEALTHY"), at(3, "UNHEALTHY")]));
  expect(picks(() => panic.set.choose(hash, null, null), 6)).toBe("123123");
  expect(panic.panics.length).toBe(6);
  const never = hostSet({ panicThresholdPct: 0 }, first, fakeLocality([at(1, "UNHEALTHY")]));
  expect(never.set.choose(hash, null, null)).toBe(null);
});

test("the next priority takes what the first cannot", () => {
  const world = new FakeWorld();
  world.randoms = [0, 0, 0.69, 0.7, 0.99];
  const { set } = hostSet(
    {},
    world.environment.random,
    fakeLocality([at(1, "HEALTHY"), at(2, "UNHEALTHY")]),
    fakeLocality([at(3, "HEALTHY")], { priority: 1 }),
  );
  world.randoms = [0, 0.69, 0.7, 0.99].flatMap((value) => [value]);
  expect(picks(() => set.choose(hash, null, null), 4)).toBe("1133");
});

test("localities share by weight, less where hosts are ill", () => {
  const { set } = hostSet(
    { isLocalityWeighted: true },
    first,
    fakeLocality([at(1, "HEALTHY")], { weight: 3, zone: "a" }),
    fakeLocality([at(2, "HEALTHY")], { weight: 1, zone: "b" }),
    fakeLocality([at(3, "HEALTHY")], { weight: 0, zone: "c" }),
  );
  const round = picks(() => set.choose(hash, null, null), 400);
  expect(Math.abs(round.split("1").length - 1 - 300)).toBeLessThanOrEqual(1);
  expect(round).not.toContain("3");
});
