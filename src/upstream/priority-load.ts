/** Hosts of one priority by health. */
export interface PriorityCount {
  total: number;
  healthy: number;
  degraded: number;
}

/** Percent of the traffic by priority; `panic`: health is not looked at there. */
export interface PriorityLoads {
  healthy: number[];
  degraded: number[];
  panic: boolean[];
}

/**
 * How traffic spreads over priorities. A priority takes all it can: min(100, overprovisioning × healthy share); what is
 * missing goes to the next. Envoy: LoadBalancerBase::recalculatePerPriorityState and recalculatePerPriorityPanic, in whole percents.
 */
export function priorityLoads(
  counts: readonly PriorityCount[],
  overprovisioningPct: number,
  panicThresholdPct: number,
): PriorityLoads {
  const healthy = counts.map((count) => share(overprovisioningPct, count.healthy, count.total));
  const degraded = counts.map((count) => share(overprovisioningPct, count.degraded, count.total));
  const available = Math.min(100, sum(healthy) + sum(degraded));
  const loads: PriorityLoads = {
    healthy: counts.map(() => 0),
    degraded: counts.map(() => 0),
    panic: counts.map(() => false),
  };
  if (available === 0) loads.healthy[0] = 100;
  else {
    let left = distribute(loads.healthy, healthy, 100, available);
    left = distribute(loads.degraded, degraded, left, available);
    addRest(loads, healthy, degraded, left);
  }
  if (available === 100 || (panicThresholdPct === 0 && available === 0)) return loads;

  loads.panic = counts.map((count) => isPanic(count, panicThresholdPct));
  if (loads.panic.every((panic) => panic)) spreadByHosts(loads, counts);
  return loads;
}

/**
 * The loads where some priorities are left out; null where nobody else is available. Envoy:
 * PreviousPrioritiesRetryPriority::adjustForAttemptedPriorities.
 */
export function priorityLoadsWithout(
  counts: readonly PriorityCount[],
  overprovisioningPct: number,
  excluded: ReadonlySet<number>,
): PriorityLoads | null {
  const healthy = counts.map((count, i) =>
    excluded.has(i) ? 0 : share(overprovisioningPct, count.healthy, count.total),
  );
  const degraded = counts.map((count, i) =>
    excluded.has(i) ? 0 : share(overprovisioningPct, count.degraded, count.total),
  );
  const available = Math.min(100, sum(healthy) + sum(degraded));
  if (available === 0) return null;
  const loads: PriorityLoads = {
    healthy: counts.map(() => 0),
    degraded: counts.map(() => 0),
    panic: counts.map(() => false),
  };
  const left = distribute(loads.degraded, degraded, distribute(loads.healthy, healthy, 100, available), available);
  addRest(loads, healthy, degraded, left);
  return loads;
}

/** Percent of a priority that is usable. */
function share(overprovisioningPct: number, part: number, total: number): number {
  return total === 0 ? 0 : Math.min(100, Math.floor((overprovisioningPct * part) / total));
}

/** Whether a priority has too few hosts that can be used. Envoy: isHostSetInPanic. */
export function isPanic(count: PriorityCount, thresholdPct: number): boolean {
  const pct = count.total === 0 ? 0 : (100 * count.healthy) / count.total + (100 * count.degraded) / count.total;
  return pct < thresholdPct;
}

/** Returns what is left of `load`. */
function distribute(into: number[], availability: readonly number[], load: number, available: number): number {
  let left = load;
  for (const [i, value] of availability.entries()) {
    const part = Math.min(left, Math.floor((value * 100) / available));
    into[i] = part;
    left -= part;
  }
  return left;
}

/** Rounding leaves a few percent: they go to the first priority that can take them. */
function addRest(loads: PriorityLoads, healthy: readonly number[], degraded: readonly number[], rest: number): void {
  const firstHealthy = healthy.findIndex((value) => value > 0);
  if (firstHealthy >= 0) loads.healthy[firstHealthy] += rest;
  else loads.degraded[degraded.findIndex((value) => value > 0)] += rest;
}

/** All priorities panic: each gets its share of hosts. */
function spreadByHosts(loads: PriorityLoads, counts: readonly PriorityCount[]): void {
  const total = sum(counts.map((count) => count.total));
  loads.degraded = counts.map(() => 0);
  loads.healthy = counts.map((count) => (total === 0 ? 0 : Math.floor((100 * count.total) / total)));
  const first = Math.max(
    0,
    counts.findIndex((count) => count.total > 0),
  );
  loads.healthy[first] += 100 - sum(loads.healthy);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
