import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Expr, ExprSchema } from "../../proto/generated/cel/expr/syntax_pb.ts";
import type { CelExpressionConfig } from "../../proto/generated/envoy/config/core/v3/cel_pb.ts";
import { ExprSchema as V1Alpha1ExprSchema } from "../../proto/generated/google/api/expr/v1alpha1/syntax_pb.ts";
import type { CelExpression } from "../../proto/generated/xds/type/v3/cel_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { patternError } from "../pattern-error.ts";
import { celEngine } from "./engine.ts";

/** A sound expression: the bytes of a cel.expr.Expr. Plain data. */
export type CelSpec = Uint8Array;

/** What an expression may use beyond what it always may. Envoy: CelExpressionConfig. */
export interface CelAllowances {
  stringConversion: boolean;
  stringFunctions: boolean;
}

/** Neither where there is no message. String concatenation needs no leave here. */
export function parseCelConfig(message: CelExpressionConfig | undefined): CelAllowances {
  return {
    stringConversion: message?.enableStringConversion ?? false,
    stringFunctions: message?.enableStringFunctions ?? false,
  };
}

/** Neither of both. */
export const noAllowances: CelAllowances = parseCelConfig(undefined);

/** An expression as people write it; null after telling what is wrong with it. */
export function parseCelText(text: string, allowances: CelAllowances, problems: Problems): CelSpec | null {
  const spec = celFromText(text, allowances);
  if (typeof spec !== "string") return spec;
  problems.error("", `the CEL expression "${text}" is refused: ${spec}`, { envoyText: spec });
  return null;
}

/** The same; a string says what is wrong, as close to Envoy's words as can be. */
export function celFromText(text: string, allowances: CelAllowances): CelSpec | string {
  let bytes: Uint8Array;
  try {
    bytes = celEngine().parseText(text);
  } catch (error) {
    // It throws on what is no CEL.
    return `Not able to parse expression: ${error instanceof Error ? error.message : String(error)}`;
  }
  return exprError(fromBinary(ExprSchema, bytes), allowances) ?? bytes;
}

/** An expression that was parsed by the control plane; null after telling what is wrong with it. */
export function parseCelExpression(message: CelExpression | undefined, problems: Problems): CelSpec | null {
  const older = message?.exprSpecifier.value?.expr;
  if (older !== undefined) return parseCelExpr(toBinary(V1Alpha1ExprSchema, older), noAllowances, problems);
  const expr = message?.celExprChecked?.expr ?? message?.celExprParsed?.expr;
  if (expr !== undefined) return parseCelExpr(toBinary(ExprSchema, expr), noAllowances, problems);
  const isText = (message?.celExprString ?? "") !== "";
  problems.error(
    "",
    isText
      ? "has a cel_expr_string, which Envoy does not read here: cel_expr_parsed or cel_expr_checked must be set"
      : "is empty: cel_expr_parsed or cel_expr_checked must be set",
    { envoyText: "failed to create an expression: CEL expression not set." },
  );
  return null;
}

/** The bytes of an Expr of google.api.expr.v1alpha1 or cel.expr, which are the same on the wire. */
export function parseCelExpr(bytes: Uint8Array, allowances: CelAllowances, problems: Problems): CelSpec | null {
  const reason = exprError(fromBinary(ExprSchema, bytes), allowances);
  if (reason === null) return bytes;
  problems.error("", `the CEL expression is refused: ${reason}`, { envoyText: reason });
  return null;
}

function exprError({ exprKind: kind }: Expr, allowances: CelAllowances): string | null {
  switch (kind.case) {
    case "comprehensionExpr":
      return "failed to create an expression: Comprehension support is disabled";
    case "selectExpr":
      return operandError(kind.value.operand, allowances);
    case "listExpr":
      return firstError(kind.value.elements, allowances);
    case "structExpr":
      return firstError(
        kind.value.entries.flatMap(({ keyKind, value }) => [
          ...(keyKind.case === "mapKey" ? [keyKind.value] : []),
          ...(value === undefined ? [] : [value]),
        ]),
        allowances,
      );
    case "callExpr": {
      const { function: name, target, args } = kind.value;
      const isKnown =
        standard.has(name) ||
        (allowances.stringConversion && name === "string") ||
        (allowances.stringFunctions && stringFunctions.has(name));
      if (!isKnown) {
        return `failed to create an expression: No overload found in reference resolve step for ${name}`;
      }
      if (name === "matches") {
        const reason = literalError(args.at(-1));
        if (reason !== null) return `failed to create an expression: invalid regular expression: ${reason}`;
      }
      return operandError(target, allowances) ?? firstError(args, allowances);
    }
    default:
      return null;
  }
}

function operandError(expr: Expr | undefined, allowances: CelAllowances): string | null {
  return expr === undefined ? null : exprError(expr, allowances);
}

function firstError(exprs: readonly Expr[], allowances: CelAllowances): string | null {
  for (const expr of exprs) {
    const reason = exprError(expr, allowances);
    if (reason !== null) return reason;
  }
  return null;
}

/** null too for what is no literal: it is known only when it runs. */
function literalError(pattern: Expr | undefined): string | null {
  const constant = pattern?.exprKind.case === "constExpr" ? pattern.exprKind.value.constantKind : undefined;
  return constant?.case === "stringValue" ? patternError(constant.value) : null;
}

/** The functions of CEL's standard that Envoy has on. */
const standard: ReadonlySet<string> = new Set([
  "_&&_",
  "_||_",
  "!_",
  "-_",
  "_==_",
  "_!=_",
  "_<_",
  "_<=_",
  "_>_",
  "_>=_",
  "_+_",
  "_-_",
  "_*_",
  "_/_",
  "_%_",
  "_?_:_",
  "_[_]",
  "@in",
  "in",
  "_in_",
  "@not_strictly_false",
  "size",
  "contains",
  "startsWith",
  "endsWith",
  "matches",
  "int",
  "uint",
  "double",
  "bytes",
  "bool",
  "dyn",
  "type",
  "timestamp",
  "duration",
  "getFullYear",
  "getMonth",
  "getDayOfYear",
  "getDayOfMonth",
  "getDate",
  "getDayOfWeek",
  "getHours",
  "getMinutes",
  "getSeconds",
  "getMilliseconds",
]);

const stringFunctions: ReadonlySet<string> = new Set(["lowerAscii", "upperAscii", "replace", "split"]);
