import type { StreamInfo } from "../../observability/stream-info.ts";
import { simpleAtod } from "../header_to_metadata/value.ts";
import { JsonNumber, parseJson } from "./json.ts";
import type { JsonPairSpec, JsonRuleSpec } from "./parse.ts";

/** What a body was: names of counters. */
export type BodyOutcome = "success" | "mismatched_content_type" | "no_body" | "invalid_json_body";

/** The rules of one direction: what they say is said at once, when all are through. Envoy: JsonToMetadata::Filter. */
export class JsonRules {
  readonly #rules: readonly JsonRuleSpec[];

  constructor(rules: readonly JsonRuleSpec[]) {
    this.#rules = rules;
  }

  /** `body`: empty where there is none; null: it is of a type that is not read. */
  apply(body: Buffer | null, info: StreamInfo): BodyOutcome {
    const said = new Said(info);
    const outcome = this.#run(body, said);
    said.finish();
    return outcome;
  }

  #run(body: Buffer | null, said: Said): BodyOutcome {
    if (body === null) return this.#fail(said, "mismatched_content_type");
    if (body.length === 0) return this.#miss(said, "no_body");
    const root = parseJson(body);
    if (root === undefined) return this.#fail(said, "invalid_json_body");
    if (typeof root !== "object" || root === null || root instanceof JsonNumber) return this.#miss(said, "success");
    for (const rule of this.#rules) {
      const found = valueAt(root, rule.keys);
      if (!this.#present(rule, found, said)) said.constant(rule.onMissing);
    }
    return "success";
  }

  #fail(said: Said, outcome: BodyOutcome): BodyOutcome {
    for (const { onError } of this.#rules) said.constant(onError);
    return outcome;
  }

  #miss(said: Said, outcome: BodyOutcome): BodyOutcome {
    for (const { onMissing } of this.#rules) said.constant(onMissing);
    return outcome;
  }

  /** False: it counts as missing. */
  #present({ onPresent }: JsonRuleSpec, found: Found, said: Said): boolean {
    if (!found.hasParent) return false;
    if (onPresent === null) return true;
    if (onPresent.value !== undefined) {
      said.constant(onPresent);
      return true;
    }
    const value = convert(found.value, onPresent.type);
    if (value === undefined) return false;
    if (value !== "" || onPresent.type !== "STRING") said.say(onPresent, value);
    return true;
  }
}

/** What a request or response is said to be, until all is known. */
class Said {
  readonly #info: StreamInfo;
  readonly #fields = new Map<string, Record<string, unknown>>();

  constructor(info: StreamInfo) {
    this.#info = info;
  }

  constant(pair: JsonPairSpec | null): void {
    if (pair !== null) this.say(pair, pair.value);
  }

  say({ namespace, key, keepsExisting }: JsonPairSpec, value: unknown): void {
    const present = this.#info.dynamicMetadata?.get(namespace);
    if (keepsExisting && present !== undefined && Object.hasOwn(present, key)) return;
    const fields = this.#fields.get(namespace);
    if (fields === undefined) this.#fields.set(namespace, { [key]: value });
    else fields[key] = value;
  }

  finish(): void {
    for (const [namespace, fields] of this.#fields) this.#info.addMetadata(namespace, fields);
  }
}

interface Found {
  /** All objects on the way are there. */
  hasParent: boolean;
  /** undefined where it is not there. */
  value: unknown;
}

function valueAt(root: unknown, keys: readonly string[]): Found {
  let node = root;
  for (let i = 0; i < keys.length - 1; i++) {
    node = field(node, keys[i] as string);
    if (!isObject(node)) return { hasParent: false, value: undefined };
  }
  return { hasParent: true, value: field(node, keys.at(-1) as string) };
}

/** undefined: it cannot be had as this. */
function convert(value: unknown, type: JsonPairSpec["type"]): unknown {
  if (typeof value === "string" && value.length > maxValueBytes && type !== "NUMBER") {
    return Buffer.byteLength(value) > maxValueBytes ? undefined : value;
  }
  const isScalar = typeof value === "string" || typeof value === "boolean" || value instanceof JsonNumber;
  if (!isScalar) return undefined;
  switch (type) {
    case "PROTOBUF_VALUE":
      return value instanceof JsonNumber ? value.value : value;
    case "STRING":
      return typeof value === "boolean" ? (value ? "1" : "0") : value instanceof JsonNumber ? value.text() : value;
    case "NUMBER":
      if (value instanceof JsonNumber) return value.value;
      return typeof value === "boolean" ? Number(value) : (simpleAtod(value) ?? undefined);
  }
}

function field(node: unknown, key: string): unknown {
  return isObject(node) && Object.hasOwn(node, key) ? node[key] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

/** Envoy: MAX_PAYLOAD_VALUE_LEN. */
const maxValueBytes = 8 * 1024;
