import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";

/**
 * Tells when another file is at a path: one moved over it, or a symbolic link on the way that leads elsewhere, such as the `..data`
 * of a Kubernetes volume. Writes into the file that is there are no news, as for Envoy: they could be half of it.
 */
export class FileWatch {
  readonly #path: string;
  readonly #onChange: () => void;
  readonly #watcher: FSWatcher;
  /** Any move in the folder is news: watched_directory. */
  readonly #isWholeFolder: boolean;
  #identity: string;
  #timer: NodeJS.Timeout | null = null;

  /** `folder` is watched in place of the path's own; "" for none. Throws where there is no such folder. */
  constructor(path: string, folder: string, onChange: () => void) {
    this.#path = path;
    this.#onChange = onChange;
    this.#isWholeFolder = folder !== "";
    this.#identity = identityOf(path);
    this.#watcher = watch(folder || dirname(path), { persistent: false }, (event) => {
      // What moves comes in a row: one look at its end.
      if (event === "rename") this.#timer ??= setTimeout(() => this.#look(), settleMs);
    });
    this.#watcher.on("error", () => this.close());
  }

  close(): void {
    this.#watcher.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #look(): void {
    this.#timer = null;
    const identity = identityOf(this.#path);
    if (identity === "" || (identity === this.#identity && !this.#isWholeFolder)) return;
    this.#identity = identity;
    this.#onChange();
  }
}

/** Of the file itself, links followed; "" where there is none. */
function identityOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.dev}:${stat.ino}`;
}

const settleMs = 10;
