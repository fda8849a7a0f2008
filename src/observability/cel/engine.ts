import { createRequire } from "node:module";
import { extname } from "node:path";
import type * as program from "./program.ts";

/** What runs expressions, loaded by the first one: most configurations have none, and it takes 60 ms of each thread. */
export function celEngine(): typeof program {
  return require(`./program${extname(import.meta.url)}`) as typeof program;
}

const require = createRequire(import.meta.url);
