import { expect, test } from "vitest";
import { type ProcessStat, parseStat, processTree, treeUsage } from "./process-tree.ts";

const fields = "S 7 42 42 0 -1 4194304 102 5 0 0 30 12 4 2 20 0 1 0 812493 3133440 409 18446744073709551615 1 1 0";

test("the parent, all CPU time and the resident pages are read from a stat line", () => {
  expect(parseStat(`42 (envoy) ${fields}`)).toEqual({ pid: 42, parentPid: 7, cpuTicks: 48, residentPages: 409 });
});

test("a command name with spaces and parentheses does not shift the fields", () => {
  expect(parseStat(`42 (nginx: (a) b) ${fields}`)).toEqual(parseStat(`42 (envoy) ${fields}`));
});

test("the tree holds the root and all below it, whatever the order, and nobody else", () => {
  const all = [process(9, 5), process(5, 3), process(4, 1), process(3, 1), process(6, 3), process(1, 0)];
  expect(processTree(3, all).map(({ pid }) => pid)).toEqual([3, 5, 6, 9]);
  expect(processTree(99, all)).toEqual([]);
});

test("a process that is gone is an error, not a proxy that costs nothing", () => {
  expect(() => treeUsage(0x7ffffffe)).toThrow("is gone");
});

function process(pid: number, parentPid: number): ProcessStat {
  return { pid, parentPid, cpuTicks: 0, residentPages: 0 };
}
