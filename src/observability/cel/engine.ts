import { createRequire } from "node:module";
import { extname } from "node:path";
import type * as parse from "./parse.ts";
import type * as program from "./program.ts";

/** What runs expressions, loaded by the first one: most configurations have none, and it takes 60 ms of each thread. */
export function celEngine(): typeof program {
  return require(`./program${extname(import.meta.url)}`) as typeof program;
}

/** What reads expressions: the API, which a worker has no other need of. */
export function celParser(): typeof parse {
  return require(`./parse${extname(import.meta.url)}`) as typeof parse;
}

const require = createRequire(import.meta.url);
