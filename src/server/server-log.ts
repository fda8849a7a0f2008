import { Logger, LogLevels, LogWriter, parseLevel } from "../observability/logger.ts";
import type { LogLevels as AdminLogLevels } from "./admin/state.ts";
import { loggerNames } from "./logger-names.ts";

/** The application log of the process, on the main thread: levels of --log-level, lines of --log-format in --log-path. */
export class ServerLog implements AdminLogLevels {
  readonly #levels = new LogLevels(loggerNames);
  readonly #writer: LogWriter;
  readonly #logger: Logger;

  /** `path` "" is stderr; `format` null is Envoy's. */
  constructor(level: string, components: Record<string, string>, path = "", format: string | null = null) {
    this.#writer = new LogWriter(path, format ?? undefined);
    this.#logger = new Logger(this.#levels, this.#writer.write);
    this.setAll(level);
    this.set(components);
  }

  log(level: string, logger: string, message: string): void {
    this.#logger.log(parseLevel(level) ?? "info", logger, message);
  }

  setPattern(pattern: string): void {
    this.#writer.setPattern(pattern);
  }

  /** SIGUSR1: the file may have been moved away. */
  reopen(): void {
    this.#writer.reopen();
  }

  list(): [string, string][] {
    return this.#levels.list();
  }

  setAll(level: string): void {
    this.#levels.setAll(parseLevel(level) ?? "info");
  }

  set(levels: Record<string, string>): void {
    for (const [name, level] of Object.entries(levels)) this.#levels.set(name, parseLevel(level) ?? "info");
  }
}
