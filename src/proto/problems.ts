/** One fault of a configuration, said so that a person can find and mend it. */
export interface Problem {
  /** Field path from the resource's root: `static_resources.listeners[0].address`. Empty means the resource as a whole. */
  path: string;
  /** What is wrong, in words that follow `path: `. */
  reason: string;
  /** An error refuses the resource. A warning names what is accepted but will not do what it says. */
  severity: "error" | "warning";
  /** What was probably meant; printed as `Did you mean "..."?`. */
  suggestion: string | null;
  /** The sentence that real Envoy prints for this fault, for tools that grep for it. */
  envoyText: string | null;
}

/** What an error may carry besides path and reason. */
export interface ProblemOptions {
  suggestion?: string | null;
  envoyText?: string | null;
}

/**
 * Collects the problems of one resource. Paths given to it are relative: a child made by `at()` puts its own prefix
 * before them and adds to the same list, so a parse function need not know where its message sits.
 *
 *     problems.at("filter_chains[0]").error("filters", "is empty");   // filter_chains[0].filters: is empty
 */
export class Problems {
  /** Every problem so far, those of all scopes, in the order they were found. */
  readonly list: Problem[];
  readonly #parent: Problems | null;
  readonly #suffix: string;

  constructor(path = "", list: Problem[] = [], parent: Problems | null = null) {
    this.#suffix = path;
    this.list = list;
    this.#parent = parent;
  }

  /** Path of this scope from the resource's root. Made when it is asked for: most scopes have nothing to say. */
  get path(): string {
    return this.#parent === null ? this.#suffix : joinPath(this.#parent.path, this.#suffix);
  }

  /** The same list one or more steps deeper: `at("routes[3].match")`, `at("[3]")`. */
  at(pathSuffix: string): Problems {
    return new Problems(pathSuffix, this.list, this);
  }

  /** Refuses the resource. An empty path means this scope itself. */
  error(path: string, reason: string, options: ProblemOptions | null = null): void {
    this.list.push({
      path: joinPath(this.path, path),
      reason,
      severity: "error",
      suggestion: options?.suggestion ?? null,
      envoyText: options?.envoyText ?? null,
    });
  }

  /** Accepts the resource and says what of it will not work as written. */
  warning(path: string, reason: string): void {
    this.list.push({ path: joinPath(this.path, path), reason, severity: "warning", suggestion: null, envoyText: null });
  }

  /** Whether any scope has found an error. */
  get hasErrors(): boolean {
    return this.list.some((problem) => problem.severity === "error");
  }

  /** How many errors all scopes have found. Compare before and after to know whether a part is sound. */
  get errorCount(): number {
    return this.list.reduce((count, problem) => count + (problem.severity === "error" ? 1 : 0), 0);
  }
}

/** Joins two field paths: a dot between names, none before an index. */
function joinPath(parent: string, child: string): string {
  if (parent === "") return child;
  if (child === "") return parent;
  return child.startsWith("[") ? parent + child : `${parent}.${child}`;
}
