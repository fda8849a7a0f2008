import { explain } from "./explain.ts";
import type { Explanation } from "./explanation.ts";
import { optionNames, type Question, readOptions } from "./options.ts";
import { readRequest } from "./request-line.ts";
import type { ExplainWorld } from "./world.ts";

/** The answer; a string says why there is none. */
export function answerQuestion(world: ExplainWorld, { line, headers, options }: Question): Explanation | string {
  const request = readRequest(line, headers);
  if (typeof request === "string") return request;
  const read = readOptions(options);
  return typeof read === "string" ? read : explain(world, request, read);
}

/** A question as the body of POST /explain: JSON {"request": ..., "headers": {...}, ...}, or a request line with header lines behind it; a string says what is wrong. */
export function readBody(body: string, options: ReadonlyMap<string, string>): Question | string {
  if (!body.trimStart().startsWith("{")) {
    const [line = "", ...headers] = body.split(/\r?\n/).filter((text) => text.trim() !== "");
    if (line === "") return "the body is empty: a request line is wanted, such as GET https://shop.example/cart";
    return { line, headers, options };
  }
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(body) as Record<string, unknown>;
  } catch (error) {
    return `the body is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  const { request, headers = {}, ...rest } = value;
  if (typeof request !== "string") return 'the body lacks "request", a text such as "GET https://shop.example/cart"';
  const lines = headerLines(headers);
  if (lines === null) return '"headers" is a map of texts, or a list of "name: value"';
  const all = new Map(options);
  for (const [name, option] of Object.entries(rest)) {
    if (!optionNames.includes(name))
      return `there is no "${name}"; there are request, headers, ${optionNames.join(", ")}`;
    all.set(name, String(option));
  }
  return { line: request, headers: lines, options: all };
}

function headerLines(headers: unknown): string[] | null {
  if (Array.isArray(headers)) return headers.every((line) => typeof line === "string") ? headers : null;
  if (headers === null || typeof headers !== "object") return null;
  const pairs = Object.entries(headers);
  return pairs.every(([, value]) => typeof value === "string") ? pairs.map((pair) => pair.join(": ")) : null;
}
