import { closeSync, openSync, writeSync } from "node:fs";
import type { LogLevels } from "./admin/state.ts";
import { loggerNames } from "./logger-names.ts";

/** The process's own log in Envoy's line format, one level a logger. Writes are synchronous: it is quiet off debugging. */
export class ConsoleLog implements LogLevels {
  private readonly levels = new Map<string, string>();
  private readonly path: string;
  private fd: number;

  /** An empty path is stderr. */
  constructor(level: string, components: Record<string, string>, path = "") {
    this.path = path;
    this.fd = path === "" ? 2 : openSync(path, "a");
    this.setAll(level);
    this.set(components);
  }

  log(level: string, logger: string, message: string): void {
    if (severity(level) < severity(this.levels.get(logger) ?? "info")) return;
    const time = new Date().toISOString().replace("T", " ").slice(0, 23);
    writeSync(this.fd, `[${time}][${process.pid}][${level}][${logger}] ${message.replaceAll("\n", "\n  ")}\n`);
  }

  /** SIGUSR1: the file may have been moved away. */
  reopen(): void {
    if (this.path === "") return;
    closeSync(this.fd);
    this.fd = openSync(this.path, "a");
  }

  list(): [string, string][] {
    return [...this.levels];
  }

  setAll(level: string): void {
    for (const name of loggerNames) this.levels.set(name, level);
  }

  set(levels: Record<string, string>): void {
    for (const [name, level] of Object.entries(levels)) this.levels.set(name, level);
  }
}

function severity(level: string): number {
  return order.indexOf(level);
}

const order = ["trace", "debug", "info", "warning", "error", "critical", "off"];
