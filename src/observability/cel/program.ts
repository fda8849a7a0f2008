import {
  type CelInput,
  type CelValue,
  celEnv,
  isCelError,
  isCelList,
  isCelMap,
  isCelType,
  isCelUint,
  parse,
  plan,
} from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Duration, DurationSchema, type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { ExprSchema } from "../../proto/generated/cel/expr/syntax_pb.ts";
import { toWire } from "../format-values.ts";
import type { StreamInfo } from "../stream-info.ts";
import { Attributes } from "./attributes.ts";
import type { CelSpec } from "./parse.ts";

/** A CEL expression over the attributes of a stream, ready to run. Envoy: Expr::CompiledExpression. */
export class CelProgram {
  readonly #run: Run;

  constructor(spec: CelSpec) {
    this.#run = plan(environment, fromBinary(ExprSchema, spec)) as Run;
  }

  /** undefined where it fails: an attribute that is not there, a division by zero. */
  evaluate(info: StreamInfo): CelValue | undefined {
    const value = this.#run(new Attributes(info) as unknown as Record<string, CelInput>);
    return isCelError(value) ? undefined : (value as CelValue);
  }

  /** Whether it is true; not where it is something else or fails. */
  matches(info: StreamInfo): boolean {
    return this.evaluate(info) === true;
  }
}

type Run = (variables: Record<string, CelInput>) => unknown;

/** The bytes of an expression that is written as text. Throws where it is no CEL. */
export function parseText(text: string): CelSpec {
  return toBinary(ExprSchema, create(ExprSchema, parse(text).expr));
}

/** As Envoy's formatter prints a value; characters are bytes. null for none. Envoy: Expr::print. */
export function celText(value: CelValue | undefined): string | null {
  if (value === undefined) return null;
  if (value === null) return "NULL";
  switch (typeof value) {
    case "string":
      return toWire(value);
    case "number":
      return shortNumber(value);
    case "bigint":
    case "boolean":
      return String(value);
  }
  if (isCelUint(value)) return String(value.value);
  if (isCelMap(value)) return "CelMap value";
  if (isCelList(value)) return "CelList value";
  if (isCelType(value)) return "CelType value";
  if (value instanceof Uint8Array) return Buffer.from(value).latin1Slice();
  const message: unknown = value.message;
  if (value.desc.typeName === DurationSchema.typeName) return durationText(message as Duration);
  return value.desc.typeName === TimestampSchema.typeName ? timestampText(message as Timestamp) : null;
}

/** For a JSON log: booleans, numbers and null are themselves, all else its text; undefined for none. */
export function celJson(value: CelValue | undefined): unknown {
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (value !== undefined && isCelUint(value)) return Number(value.value);
  return celText(value) ?? undefined;
}

/** Six digits, as C++ streams do. */
function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const [digits = "", exponent] = value.toPrecision(6).split("e");
  const short = digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
  return exponent === undefined ? short : `${short}e${exponent.replace(/^([+-])(\d)$/, "$10$2")}`;
}

function durationText({ seconds, nanos }: Duration): string {
  return `${Number(seconds) + nanos / 1e9}s`;
}

function timestampText({ seconds, nanos }: Timestamp): string {
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const fraction = nanos === 0 ? "" : `.${String(nanos).padStart(9, "0").replace(/0+$/, "")}`;
  return `${whole}${fraction}+00:00`;
}

/** parse.ts has refused what Envoy's own environment lacks. */
const environment = celEnv({ funcs: strings });
