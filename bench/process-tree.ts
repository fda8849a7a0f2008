import { readdirSync, readFileSync } from "node:fs";

/** What one line of /proc/<pid>/stat says about a process. */
export interface ProcessStat {
  pid: number;
  parentPid: number;
  /** CPU time in clock ticks: its own, and that of its children that ended and were waited for. */
  cpuTicks: number;
  /** Resident memory in pages. */
  residentPages: number;
}

/** What a process and all below it have used so far. */
export interface TreeUsage {
  cpuMicros: number;
  residentBytes: number;
}

/** CPU time and resident memory of a process and all its descendants. Throws when the process is gone: a proxy that died measures nothing. */
export function treeUsage(rootPid: number): TreeUsage {
  const stats = processTree(rootPid, readAllStats());
  if (stats.length === 0) throw new Error(`process ${rootPid} is gone`);
  return {
    cpuMicros: stats.reduce((sum, stat) => sum + stat.cpuTicks, 0) * microsPerTick,
    residentBytes: stats.reduce((sum, stat) => sum + stat.residentPages, 0) * pageBytes,
  };
}

/** The root and its descendants among `all`; empty when the root is not there. */
export function processTree(rootPid: number, all: readonly ProcessStat[]): ProcessStat[] {
  const tree = all.filter((stat) => stat.pid === rootPid);
  for (let i = 0; i < tree.length; i++) {
    tree.push(...all.filter((stat) => stat.parentPid === tree[i].pid));
  }
  return tree;
}

/** Reads one line of /proc/<pid>/stat (proc_pid_stat(5)). The command name in parentheses may itself hold spaces and parentheses. */
export function parseStat(line: string): ProcessStat {
  const nameEnd = line.lastIndexOf(")");
  const fields = line.slice(nameEnd + 2).split(" ");
  const number = (fieldOfManual: number) => Number(fields[fieldOfManual - 3]);
  return {
    pid: Number.parseInt(line, 10),
    parentPid: number(4),
    cpuTicks: number(14) + number(15) + number(16) + number(17),
    residentPages: number(24),
  };
}

function readAllStats(): ProcessStat[] {
  const stats: ProcessStat[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      stats.push(parseStat(readFileSync(`/proc/${entry}/stat`, "latin1")));
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return stats;
}

const microsPerTick = 1e6 / 100; // USER_HZ is 100 on every architecture Node runs on.
const pageBytes = 4096;
