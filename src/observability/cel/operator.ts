import type { Operator } from "../format-operators.ts";
import { celEngine } from "./engine.ts";
import { celFromText, noAllowances } from "./parse.ts";

/** %CEL(expression)% and %TYPED_CEL(expression)%, or why Envoy refuses it. */
export function celOperator(expression: string, isTyped: boolean): Operator | string {
  const spec = celFromText(expression, noAllowances);
  if (typeof spec === "string") return spec;
  const { CelProgram, celJson, celText } = celEngine();
  const program = new CelProgram(spec);
  return {
    text: (info) => celText(program.evaluate(info)),
    value: isTyped ? (info) => celJson(program.evaluate(info)) ?? null : null,
  };
}
