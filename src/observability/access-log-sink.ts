import { closeSync, constants, openSync, write, writeSync } from "node:fs";
import type { StatsSlab } from "./stats.ts";

/** When buffered lines are written. */
export interface FlushOptions {
  /** --file-flush-interval-msec, 10 000 by default. */
  intervalMs: number;
  /** --file-flush-min-size-kb, 0 takes the default of 64 KiB: so many bytes are written at once, without waiting. */
  minBytes: number;
}

/** The log files of one worker: a path that several logs name is one file. */
export class AccessLogSinks {
  readonly #files = new Map<string, FileSink>();
  readonly #stats: FileStats;
  readonly #options: FlushOptions;

  constructor(slab: StatsSlab, options: FlushOptions) {
    this.#stats = new FileStats(slab);
    this.#options = options;
  }

  /** The sink of a path. A file that cannot be opened takes lines and drops them until reopen() succeeds. */
  open(path: string): FileSink {
    let file = this.#files.get(path);
    if (file === undefined) this.#files.set(path, (file = new FileSink(path, this.#stats, this.#options)));
    return file;
  }

  /** SIGUSR1: what is buffered goes to the old files, what follows to those now at the paths. */
  reopen(): void {
    for (const file of this.#files.values()) file.reopen();
  }

  /** Writes all that is buffered and closes. Called once, when the worker ends. */
  async close(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.close()));
  }
}

/**
 * A file that lines are appended to. Lines gather until there are minBytes of them or the interval is over, then go out in
 * one write outside the event loop; O_APPEND and whole lines a write keep those of several workers apart.
 */
export class FileSink {
  readonly #path: string;
  readonly #stats: FileStats;
  readonly #minBytes: number;
  readonly #timer: NodeJS.Timeout;
  #fd: number;
  /** One character a byte. */
  #pending = "";
  /** Bytes of the write under way; 0 for none. */
  #writing = 0;
  #isReopenDue = false;
  #onIdle: (() => void) | null = null;

  constructor(path: string, stats: FileStats, options: FlushOptions) {
    this.#path = path;
    this.#stats = stats;
    this.#minBytes = options.minBytes || defaultMinBytes;
    this.#fd = openForAppend(path, stats);
    this.#timer = setInterval(() => this.#onTimer(), options.intervalMs);
    this.#timer.unref();
  }

  /** Takes one whole line, its newline included; one character a byte. */
  write(line: string): void {
    const { values } = this.#stats;
    if (this.#pending.length + line.length > maxPendingBytes) {
      values[this.#stats.failed]++;
      return;
    }
    this.#pending += line;
    values[this.#stats.buffered]++;
    values[this.#stats.totalBuffered] += line.length;
    if (this.#pending.length >= this.#minBytes) this.flush();
  }

  /** Starts writing what is buffered, unless a write is under way: then it follows that one. */
  flush(): void {
    if (this.#writing !== 0 || this.#pending === "") return;
    const bytes = Buffer.from(this.#pending, "latin1");
    this.#pending = "";
    this.#writing = bytes.length;
    this.#stats.values[this.#stats.totalBuffered] -= bytes.length;
    this.#writeFrom(bytes, 0);
  }

  reopen(): void {
    this.flush();
    this.#isReopenDue = true;
    if (this.#writing === 0) this.#reopenNow();
  }

  /** Writes what is left and closes the file. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.flush();
    while (this.#writing !== 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
      this.flush();
    }
    if (this.#fd > 2) closeSync(this.#fd);
    this.#fd = -1;
  }

  /** For an exit that cannot wait: blocks until the buffer is written. */
  flushSync(): void {
    if (this.#pending === "" || this.#fd < 0) return;
    const bytes = Buffer.from(this.#pending, "latin1");
    this.#pending = "";
    this.#stats.values[this.#stats.totalBuffered] -= bytes.length;
    try {
      writeSync(this.#fd, bytes);
      this.#stats.values[this.#stats.completed]++;
    } catch {
      // A full disk or a closed pipe: the lines are lost, as the process is about to end.
      this.#stats.values[this.#stats.failed]++;
    }
  }

  #writeFrom(bytes: Buffer, offset: number): void {
    if (this.#fd < 0) {
      this.#onWritten(false);
      return;
    }
    write(this.#fd, bytes, offset, bytes.length - offset, null, (error, written) => {
      if (error === null && offset + written < bytes.length) this.#writeFrom(bytes, offset + written);
      else if (error?.code === "EAGAIN") setTimeout(() => this.#writeFrom(bytes, offset), retryMs);
      else this.#onWritten(error === null);
    });
  }

  #onWritten(isOk: boolean): void {
    this.#writing = 0;
    this.#stats.values[isOk ? this.#stats.completed : this.#stats.failed]++;
    if (this.#isReopenDue) this.#reopenNow();
    if (this.#pending.length >= this.#minBytes) this.flush();
    const onIdle = this.#onIdle;
    this.#onIdle = null;
    onIdle?.();
  }

  #reopenNow(): void {
    this.#isReopenDue = false;
    if (this.#fd > 2) closeSync(this.#fd);
    this.#fd = openForAppend(this.#path, this.#stats);
  }

  #onTimer(): void {
    if (this.#pending === "") return;
    this.#stats.values[this.#stats.byTimer]++;
    this.flush();
  }
}

/** Envoy's filesystem.* stats. */
class FileStats {
  readonly values: Float64Array;
  readonly buffered: number;
  readonly completed: number;
  readonly failed: number;
  readonly byTimer: number;
  readonly reopenFailed: number;
  readonly totalBuffered: number;

  constructor(slab: StatsSlab) {
    this.values = slab.values;
    this.buffered = slab.counter("filesystem.write_buffered");
    this.completed = slab.counter("filesystem.write_completed");
    this.failed = slab.counter("filesystem.write_failed");
    this.byTimer = slab.counter("filesystem.flushed_by_timer");
    this.reopenFailed = slab.counter("filesystem.reopen_failed");
    this.totalBuffered = slab.gauge("filesystem.write_total_buffered");
  }
}

/** -1 when it cannot be opened. The process's own streams are not opened anew: /dev/stdout may be a socket. */
function openForAppend(path: string, stats: FileStats): number {
  if (path === "/dev/stdout") return 1;
  if (path === "/dev/stderr") return 2;
  try {
    return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o644);
  } catch {
    // Counted, not fatal: a log that cannot be written does not stop traffic. Envoy counts it the same.
    stats.values[stats.reopenFailed]++;
    return -1;
  }
}

const defaultMinBytes = 64 * 1024;

/** Lines beyond this are dropped and counted: a disk that hangs must not take the memory. */
const maxPendingBytes = 16 * 1024 * 1024;
const retryMs = 10;
