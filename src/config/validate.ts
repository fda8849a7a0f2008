import {
  type DescField,
  type DescMessage,
  type DescOneof,
  getOption,
  isFieldSet,
  type Message,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { Any, Duration } from "@bufbuild/protobuf/wkt";
import { innerTypeUrl, unpackAny } from "../proto/any.ts";
import {
  disallowed_by_default,
  disallowed_by_default_enum,
} from "../proto/generated/envoy/annotations/deprecation_pb.ts";
import { disabled, type FieldRules, ignored, required, rules } from "../proto/generated/validate/validate_pb.ts";
import type { UnknownFields } from "../proto/json-tree.ts";
import type { Problems } from "../proto/problems.ts";
import { findMessage, typeNameOf } from "../proto/type-registry.ts";
import { type Check, compileRules, isRequired } from "./rules.ts";

/**
 * Checks a message and all it holds, Any and TypedStruct unpacked, against the `validate.rules` of the API. Names every
 * violation, deprecated fields in use, durations below zero and, from binary sources, fields the API does not have.
 */
export function validate<Desc extends DescMessage>(
  desc: Desc,
  message: MessageShape<Desc>,
  problems: Problems,
  unknownFields: UnknownFields,
): void {
  validateMessage(desc, message, problems, { unknownFields, around: null, desc, fieldName: "" });
}

/** Where a message stands: in a field of `desc`, which stands in `around`. */
interface Context {
  unknownFields: UnknownFields;
  around: Context | null;
  desc: DescMessage;
  fieldName: string;
}

/** How Envoy's sentence leads to a message: the violations of every message around it. */
function chainTo({ around, desc, fieldName }: Context): string {
  if (around === null) return "";
  return `${chainTo(around)}${desc.name}ValidationError.${upperCamel(fieldName)}: embedded message failed validation | caused by `;
}

function validateMessage(desc: DescMessage, message: Message, problems: Problems, context: Context): void {
  if (desc.typeName === "google.protobuf.Any") validateAny(message as Any, problems, context);
  if (desc.typeName === "google.protobuf.Duration") validateDuration(message as Duration, problems);
  if (desc.typeName.startsWith("google.protobuf.")) return;
  if (message.$unknown !== undefined && message.$unknown.length > 0) unknownNumbers(desc, message, problems, context);
  const plan = planOf(desc);
  for (const oneof of plan.requiredOneofs) {
    if (property(message, oneof.localName) !== undefined && oneofCase(message, oneof) !== undefined) continue;
    const names = oneof.fields.map((field) => field.name);
    problems.error("", `one of ${names.join(", ")} must be set`, {
      envoyText: `Proto constraint validation failed (${chainTo(context)}field: "${oneof.name}", reason: is required)`,
    });
  }
  for (const fieldPlan of plan.fields) validateField(desc, message, fieldPlan, problems, context);
}

function validateField(
  desc: DescMessage,
  message: Message,
  plan: FieldPlan,
  problems: Problems,
  context: Context,
): void {
  const { field } = plan;
  const isSet = isFieldSet(message, field);
  if (!isSet && !plan.isRequired && (plan.checks.length === 0 || field.oneof !== undefined || hasPresence(field)))
    return;
  if (plan.isDeprecated && isSet) deprecated(field, problems);
  if (field.oneof !== undefined && !isSet) return;
  const at = problems.at(field.name);
  if (!isSet && plan.isRequired) {
    const envoyReason = isWrapper(field) ? "value is required and must not be nil." : "value is required";
    violation(desc, field.name, envoyReason, "is required", at, context);
    return;
  }
  // A message, a wrapper or an optional scalar that is not there breaks no rule.
  if (!isSet && hasPresence(field)) return;
  const value = fieldValue(message, field);
  check(plan.checks, value, desc, field.name, at, context);
  if (!isSet) return;
  if (field.fieldKind === "enum") deprecatedValue(field, Number(value), at);

  switch (field.fieldKind) {
    case "list":
      for (const [i, item] of (value as unknown[]).entries()) {
        const itemAt = at.at(`[${i}]`);
        check(plan.itemChecks, item, desc, `${field.name}[${i}]`, itemAt, context);
        if (plan.child !== null) enter(plan.child, item as Message, desc, `${field.name}[${i}]`, itemAt, context);
      }
      return;
    case "map":
      for (const [key, item] of Object.entries(value as Record<string, unknown>)) {
        const itemAt = at.at(`["${key}"]`);
        check(plan.keyChecks, key, desc, `${field.name}[${key}]`, itemAt, context);
        check(plan.itemChecks, item, desc, `${field.name}[${key}]`, itemAt, context);
        if (plan.child !== null) enter(plan.child, item as Message, desc, `${field.name}[${key}]`, itemAt, context);
      }
      return;
    case "message":
      if (plan.child !== null) enter(plan.child, value as Message, desc, field.name, at, context);
      return;
    case "scalar":
    case "enum":
      return;
  }
}

function enter(
  child: DescMessage,
  message: Message,
  desc: DescMessage,
  fieldName: string,
  problems: Problems,
  context: Context,
): void {
  validateMessage(child, message, problems, { unknownFields: context.unknownFields, around: context, desc, fieldName });
}

function validateAny(any: Any, problems: Problems, context: Context): void {
  // An unknown type is the business of whoever uses the Any: in metadata, Envoy lets it be.
  if (any.typeUrl === "" || findMessage(typeNameOf(innerTypeUrl(any))) === null) return;
  const unpacked = unpackAny(any, problems, "", context.unknownFields);
  if (unpacked === null) return;
  // Envoy checks the message of an Any on its own, so that its sentence begins anew.
  validateMessage(unpacked.desc, unpacked.message, problems.at(unpacked.innerPath), { ...context, around: null });
}

function validateDuration(duration: Duration, problems: Problems): void {
  if (duration.seconds < 0n || duration.nanos < 0) {
    problems.error("", "a duration below zero", { envoyText: "Invalid duration: Expected positive duration" });
  } else if (duration.seconds > maxDurationSeconds) {
    problems.error("", "the duration is too long: its nanoseconds do not fit 64 bits", {
      envoyText: "Invalid duration: Duration out-of-range",
    });
  }
}

function check(
  checks: readonly Check[],
  value: unknown,
  desc: DescMessage,
  fieldName: string,
  problems: Problems,
  context: Context,
): void {
  for (const one of checks) {
    const broken = one(value);
    if (broken !== null) violation(desc, fieldName, broken, humanReason(broken, value), problems, context);
  }
}

function violation(
  desc: DescMessage,
  fieldName: string,
  envoyReason: string,
  reason: string,
  problems: Problems,
  context: Context,
): void {
  problems.error("", reason, {
    envoyText: `Proto constraint validation failed (${chainTo(context)}${desc.name}ValidationError.${upperCamel(fieldName)}: ${envoyReason})`,
  });
}

function humanReason(envoyReason: string, value: unknown): string {
  if (/^value length must be at least 1 (characters|bytes)$/.test(envoyReason)) return "must not be empty";
  const reason = envoyReason.replace(/^value /, "");
  return typeof value === "number" || typeof value === "bigint" ? `${reason}, found ${value}` : reason;
}

function deprecated(field: DescField, problems: Problems): void {
  if (!getOption(field, disallowed_by_default)) {
    problems.warning(field.name, "is deprecated and will be removed from the API");
    return;
  }
  problems.error(field.name, "is deprecated and no longer accepted", {
    envoyText: `Using deprecated option '${field.parent.typeName}.${field.name}' from file ${field.parent.file.proto.name.replace(/^.*\//, "")}.`,
  });
}

function deprecatedValue(field: DescField, number: number, problems: Problems): void {
  const value = field.enum?.value[number];
  if (value === undefined || !value.deprecated) return;
  if (!getOption(value, disallowed_by_default_enum)) {
    problems.warning("", `${value.name} is deprecated and will be removed from the API`);
    return;
  }
  problems.error("", `${value.name} is deprecated and no longer accepted`, {
    envoyText: `Using deprecated value ${value.name} for enum '${field.parent.typeName}.${field.name}' from file ${field.parent.file.proto.name.replace(/^.*\//, "")}.`,
  });
}

function unknownNumbers(desc: DescMessage, message: Message, problems: Problems, context: Context): void {
  const numbers = [...new Set(message.$unknown?.map((field) => field.no))].join(", ");
  if (context.unknownFields === "warn") {
    problems.warning("", `has fields that ${desc.typeName} does not have (number ${numbers}): ignored`);
    return;
  }
  problems.error("", `has fields that ${desc.typeName} does not have (number ${numbers})`, {
    envoyText: `Protobuf message (type ${desc.typeName} with unknown field set {${numbers}}) has unknown fields`,
  });
}

/** What there is to check of a message type, made once. */
interface MessagePlan {
  fields: FieldPlan[];
  requiredOneofs: DescOneof[];
}

interface FieldPlan {
  field: DescField;
  isRequired: boolean;
  isDeprecated: boolean;
  checks: Check[];
  itemChecks: Check[];
  keyChecks: Check[];
  /** The type to go on with, of the field, its elements or its map values. Null: scalars, wrappers, skipped ones. */
  child: DescMessage | null;
}

function planOf(desc: DescMessage): MessagePlan {
  const known = plans.get(desc);
  if (known !== undefined) return known;
  const isOff = getOption(desc, disabled) || getOption(desc, ignored);
  const plan: MessagePlan = {
    fields: desc.fields.map((field) => planField(field, isOff)).filter((field) => field !== null),
    requiredOneofs: isOff ? [] : desc.oneofs.filter((oneof) => getOption(oneof, required)),
  };
  plans.set(desc, plan);
  return plan;
}

function planField(field: DescField, isOff: boolean): FieldPlan | null {
  const fieldRules = isOff ? null : getOption(field, rules);
  const plan: FieldPlan = {
    field,
    isRequired: fieldRules !== null && isRequired(fieldRules),
    isDeprecated: field.deprecated,
    checks: fieldRules === null ? [] : compileRules(fieldRules, field),
    itemChecks: itemChecks(fieldRules, field),
    keyChecks: [],
    child: field.message === undefined || isPlainInMessage(field) || fieldRules?.message?.skip ? null : field.message,
  };
  if (fieldRules?.type.case === "map" && fieldRules.type.value.keys !== undefined) {
    plan.keyChecks = compileRules(fieldRules.type.value.keys, field);
  }
  const hasOldValues = field.fieldKind === "enum" && field.enum.values.some((value) => value.deprecated);
  const hasWork = plan.isRequired || plan.isDeprecated || plan.child !== null || hasOldValues;
  return hasWork || plan.checks.length + plan.itemChecks.length + plan.keyChecks.length > 0 ? plan : null;
}

function itemChecks(fieldRules: FieldRules | null, field: DescField): Check[] {
  const type = fieldRules?.type;
  if (type?.case === "repeated" && type.value.items !== undefined) return compileRules(type.value.items, field);
  if (type?.case === "map" && type.value.values !== undefined) return compileRules(type.value.values, field);
  return [];
}

/** protobuf-es keeps single wrappers as their bare value and Struct as plain JSON: nothing to go into. */
function isPlainInMessage(field: DescField): boolean {
  const name = field.message?.typeName ?? "";
  return name.startsWith("google.protobuf.") && name !== "google.protobuf.Any" && name !== "google.protobuf.Duration";
}

function hasPresence(field: DescField): boolean {
  return field.fieldKind === "message" || (field.fieldKind === "scalar" && field.presence === explicitPresence);
}

function fieldValue(message: Message, field: DescField): unknown {
  if (field.oneof === undefined) return property(message, field.localName);
  return (property(message, field.oneof.localName) as { value?: unknown }).value;
}

function oneofCase(message: Message, oneof: DescOneof): string | undefined {
  return (property(message, oneof.localName) as { case?: string }).case;
}

function property(message: Message, localName: string): unknown {
  return (message as unknown as Record<string, unknown>)[localName];
}

function isWrapper(field: DescField): boolean {
  return /^google\.protobuf\.(Double|Float|U?Int64|U?Int32|Bool|String|Bytes)Value$/.test(
    field.message?.typeName ?? "",
  );
}

/** `filter_chains[0]` as PGV names it: `FilterChains[0]`; and `consecutive_5xx`: `Consecutive_5Xx`. */
function upperCamel(name: string): string {
  const index = name.indexOf("[");
  if (index > 0) return upperCamel(name.slice(0, index)) + name.slice(index);
  return name.replace(/(^|_|\d)([a-z])/g, (_, before: string, letter: string) =>
    before === "_" ? letter.toUpperCase() : before + letter.toUpperCase(),
  );
}

const plans = new WeakMap<DescMessage, MessagePlan>();
const explicitPresence = 1; // FeatureSet.FieldPresence EXPLICIT
const maxDurationSeconds = 9_223_372_035n; // Envoy DurationUtil: kMaxInt64Nanoseconds
