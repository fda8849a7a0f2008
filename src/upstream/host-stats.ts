/**
 * The numbers of one endpoint in shared memory: a row a worker, each written by that worker alone, summed by the reader.
 * `cells[base + HostStat.x]++` is all it takes on the hot path.
 */
export class HostStats {
  readonly cells: Float64Array;
  readonly base: number;

  /** For the worker `index`. What a dead predecessor left in its gauges is wiped out. */
  constructor(shared: SharedArrayBuffer, index: number) {
    this.cells = new Float64Array(shared);
    this.base = index * rowCells;
    for (const gauge of gauges) this.cells[this.base + gauge] = 0;
  }

  /** A response that is retried is an error, whatever the connection took its status for. */
  onRetriedResponse(status: number): void {
    if (status >= 500) return;
    this.cells[this.base + HostStat.rqSuccess]--;
    this.cells[this.base + HostStat.rqError]++;
  }

  /** A try took too long. */
  onTryTimeout(): void {
    this.cells[this.base + HostStat.rqTimeout]++;
    this.cells[this.base + HostStat.rqError]++;
  }

  /** This worker's requests in flight to the host. */
  get activeRequests(): number {
    return this.cells[this.base + HostStat.rqActive] as number;
  }

  /** All workers' requests in flight to the host. */
  get totalActiveRequests(): number {
    let sum = 0;
    for (let at = HostStat.rqActive; at < this.cells.length; at += rowCells) sum += this.cells[at] as number;
    return sum;
  }
}

/** Memory for the numbers of one endpoint. */
export function allocateHostStats(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(Math.max(1, workers) * rowCells * 8);
}

/** Sums over all workers by Envoy's names, in the order in which /clusters prints them. */
export function readHostStats(shared: SharedArrayBuffer): Record<HostStatName, number> {
  const cells = new Float64Array(shared);
  const sums = { ...zeros };
  for (let row = 0; row < cells.length; row += rowCells) {
    for (const [i, name] of hostStatNames.entries()) sums[name] += cells[row + i] as number;
  }
  return sums;
}

export const HostStat = {
  cxActive: 0,
  cxConnectFail: 1,
  cxTotal: 2,
  rqActive: 3,
  rqError: 4,
  rqPendingActive: 5,
  rqSuccess: 6,
  rqTimeout: 7,
  rqTotal: 8,
} as const;

const hostStatNames = [
  "cx_active",
  "cx_connect_fail",
  "cx_total",
  "rq_active",
  "rq_error",
  "rq_pending_active",
  "rq_success",
  "rq_timeout",
  "rq_total",
] as const;
export type HostStatName = (typeof hostStatNames)[number];

const zeros = Object.fromEntries(hostStatNames.map((name) => [name, 0])) as Record<HostStatName, number>;
const gauges = [HostStat.cxActive, HostStat.rqActive, HostStat.rqPendingActive];
/** 128 bytes a row: two workers never write to one cache line. */
const rowCells = 16;
