import { threadId } from "node:worker_threads";
import { destination } from "pino";
import { LogPattern } from "./log-pattern.ts";

const logLevels = ["trace", "debug", "info", "warning", "error", "critical", "off"] as const;
export type LogLevel = (typeof logLevels)[number];

/** A line before it is written; plain data, as a worker posts it. */
export interface LogRecord {
  level: LogLevel;
  logger: string;
  message: string;
  /** Milliseconds since the epoch. */
  timeMs: number;
  /** 0 is the main thread. */
  thread: number;
}

/**
 * The levels of all loggers, one byte each in memory that all threads share: /logging on the main thread takes effect in
 * every worker at its next check, without a message.
 */
export class LogLevels {
  readonly buffer: SharedArrayBuffer;
  readonly #names: readonly string[];
  readonly #levels: Uint8Array;
  readonly #indexes: Map<string, number>;

  /** `names` is the same list in all threads. A worker passes the buffer of the main thread. */
  constructor(names: readonly string[], buffer: SharedArrayBuffer = new SharedArrayBuffer(names.length)) {
    this.buffer = buffer;
    this.#names = names;
    this.#levels = new Uint8Array(buffer);
    this.#indexes = new Map(names.map((name, i) => [name, i]));
  }

  /** Ask before building a line. A logger that is not of the list has the level of "misc". */
  isEnabled(logger: string, level: LogLevel): boolean {
    const index = this.#indexes.get(logger) ?? this.#indexes.get("misc") ?? 0;
    return severity(level) >= (this.#levels[index] as number) && level !== "off";
  }

  /** Logger and level, in the order of the names. */
  list(): [string, LogLevel][] {
    return this.#names.map((name, i) => [name, logLevels[this.#levels[i] as number] as LogLevel]);
  }

  setAll(level: LogLevel): void {
    this.#levels.fill(severity(level));
  }

  /** False when there is no logger of that name; nothing is changed then. */
  set(logger: string, level: LogLevel): boolean {
    const index = this.#indexes.get(logger);
    if (index === undefined) return false;
    this.#levels[index] = severity(level);
    return true;
  }
}

/** A level by name, "warn" included; null for no level. */
export function parseLevel(text: string): LogLevel | null {
  if (text === "warn") return "warning";
  return logLevels.find((level) => level === text) ?? null;
}

/** Where records go: written here on the main thread, posted to it from a worker. */
export type LogTransport = (record: LogRecord) => void;

/**
 * The application log of one thread. Workers post their records to the main thread: one writer keeps lines whole and in
 * order on any kind of file, one place reopens it, and a worker's loop never waits for a disk.
 */
export class Logger {
  readonly levels: LogLevels;
  readonly #transport: LogTransport;

  constructor(levels: LogLevels, transport: LogTransport) {
    this.levels = levels;
    this.#transport = transport;
  }

  isEnabled(logger: string, level: LogLevel): boolean {
    return this.levels.isEnabled(logger, level);
  }

  log(level: LogLevel, logger: string, message: string): void {
    if (!this.levels.isEnabled(logger, level)) return;
    this.#transport({ level, logger, message, timeMs: Date.now(), thread: threadId });
  }
}

/** Writes records in the pattern of --log-format to --log-path, "" is stderr. Main thread only. pino does the writing. */
export class LogWriter {
  #pattern: LogPattern;
  readonly #out: ReturnType<typeof destination>;
  readonly #isFile: boolean;

  constructor(path = "", pattern: string = defaultPattern) {
    this.#pattern = new LogPattern(pattern);
    this.#isFile = path !== "";
    // Synchronous: the last line before a crash is the one that matters, and there are few.
    this.#out = destination({ dest: this.#isFile ? path : 2, append: true, sync: true });
  }

  readonly write = (record: LogRecord): void => {
    this.#out.write(this.#pattern.format(record));
  };

  /** application_log_config, which is read when lines have been written already. */
  setPattern(pattern: string): void {
    this.#pattern = new LogPattern(pattern);
  }

  /** SIGUSR1: the file may have been moved away. */
  reopen(): void {
    if (this.#isFile) this.#out.reopen();
  }
}

/** Envoy's, without its source position, which a record has not. */
const defaultPattern = "[%Y-%m-%d %T.%e][%t][%l][%n] %v";

function severity(level: LogLevel): number {
  return logLevels.indexOf(level);
}
