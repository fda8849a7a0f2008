import type { Operator } from "../format-operators.ts";
import { celEngine, celParser } from "./engine.ts";

/** %CEL(expression)% and %TYPED_CEL(expression)%, or why Envoy refuses it. */
export function celOperator(expression: string, isTyped: boolean): Operator | string {
  const { celFromText, noAllowances } = celParser();
  const spec = celFromText(expression, noAllowances);
  if (typeof spec === "string") return spec;
  const { CelProgram, celJson, celText } = celEngine();
  const program = new CelProgram(spec);
  return {
    text: (info) => celText(program.evaluate(info)),
    value: isTyped ? (info) => celJson(program.evaluate(info)) ?? null : null,
  };
}
