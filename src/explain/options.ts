import { isIP } from "node:net";
import type { ListenerWish } from "./connection.ts";

/** What is asked, as people write it. */
export interface Question {
  /** "GET https://shop.example/cart" */
  line: string;
  /** "name: value" */
  headers: string[];
  /** By the names of the flags: listener, port, source, random, routes. */
  options: ReadonlyMap<string, string>;
}

/** What is wanted besides the request. */
export interface ExplainOptions extends ListenerWish {
  /** In [0, 1): what runtime fractions and weights are drawn by. */
  random: number;
  /** How many of the routes that do not match are told. */
  routes: number;
}

/** What a question may say besides, by the names of the flags. */
export const optionNames = ["listener", "port", "source", "random", "routes"];

/** The options of a question, or what is wrong with them. */
export function readOptions(given: ReadonlyMap<string, string>): ExplainOptions | string {
  const source = given.get("source") ?? "127.0.0.1";
  if (isIP(source) === 0) return `source ${source}: an IP address is wanted`;
  const numbers = { port: 0, random: 0, routes: 10 };
  for (const name of ["port", "random", "routes"] as const) {
    const value = given.get(name);
    if (value === undefined) continue;
    const number = Number(value);
    const { below, what, isWhole } = limits[name];
    if (value === "" || !(number >= 0 && number < below) || (isWhole && !Number.isInteger(number))) {
      return `${name} ${value}: ${what} is wanted`;
    }
    numbers[name] = number;
  }
  return { name: given.get("listener") ?? "", source, ...numbers };
}

const limits = {
  port: { below: 65_536, isWhole: true, what: "a port" },
  random: { below: 1, isWhole: false, what: "a number from 0 to below 1" },
  routes: { below: Number.MAX_SAFE_INTEGER, isWhole: true, what: "how many routes" },
};
