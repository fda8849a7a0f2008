import { type JsonValue, toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import {
  type JsonToMetadata,
  type JsonToMetadata_KeyValuePair as KeyValuePair,
  type JsonToMetadata_MatchRules as MatchRules,
  type JsonToMetadata_Rule as Rule,
  JsonToMetadata_ValueType as ValueType,
} from "../../proto/generated/envoy/extensions/filters/http/json_to_metadata/v3/json_to_metadata_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseRegex } from "../../router/parse-match.ts";

/** extensions.filters.http.json_to_metadata.v3.JsonToMetadata, of the filter or of a route. null: bodies of this direction are not read. */
export interface JsonToMetadataSpec {
  request: JsonRulesSpec | null;
  response: JsonRulesSpec | null;
}

export interface JsonRulesSpec {
  rules: JsonRuleSpec[];
  contentTypes: string[];
  /** null without one. */
  contentTypeRegex: string | null;
  allowsNoContentType: boolean;
}

export interface JsonRuleSpec {
  /** The way to the value, at least one. */
  keys: string[];
  onPresent: JsonPairSpec | null;
  onMissing: JsonPairSpec | null;
  onError: JsonPairSpec | null;
}

export interface JsonPairSpec {
  namespace: string;
  key: string;
  /** undefined: that of the body. */
  value: JsonValue | undefined;
  type: "PROTOBUF_VALUE" | "STRING" | "NUMBER";
  keepsExisting: boolean;
}

export function parseJsonToMetadata(message: JsonToMetadata, problems: Problems): JsonToMetadataSpec {
  return {
    request: parseRules(message.requestRules, problems.at("request_rules")),
    response: parseRules(message.responseRules, problems.at("response_rules")),
  };
}

export function parseJsonToMetadataPerRoute(message: JsonToMetadata, problems: Problems): JsonToMetadataSpec {
  if (message.requestRules === undefined && message.responseRules === undefined) {
    problems.error("", "has neither request_rules nor response_rules", {
      envoyText:
        "json_to_metadata_filter: Per route configs must at least specify one of request_rules or response_rules.",
    });
  }
  return parseJsonToMetadata(message, problems);
}

function parseRules(message: MatchRules | undefined, problems: Problems): JsonRulesSpec | null {
  if (message === undefined) return null;
  const { allowContentTypes: types, allowContentTypesRegex: regex } = message;
  return {
    rules: message.rules.map((rule, i) => parseRule(rule, problems.at(`rules[${i}]`))),
    contentTypes: types.length === 0 ? ["application/json"] : types,
    contentTypeRegex: regex === undefined ? null : parseRegex(regex, problems.at("allow_content_types_regex")),
    allowsNoContentType: message.allowEmptyContentType,
  };
}

function parseRule({ selectors, onPresent, onMissing, onError }: Rule, problems: Problems): JsonRuleSpec {
  const refuse = (path: string, text: string) =>
    problems.error(path, text, { envoyText: `json to metadata filter: ${text}` });
  if (onPresent === undefined && onMissing === undefined) refuse("", "neither `on_present` nor `on_missing` set");
  const missing = parsePair(onMissing);
  const error = parsePair(onError);
  if (missing !== null && missing.value === undefined) {
    refuse("on_missing", "cannot specify on_missing rule with empty value");
  }
  if (error !== null && error.value === undefined) refuse("on_error", "cannot specify on_error rule with empty value");
  return {
    keys: selectors.map(({ selector }) => selector.value ?? ""),
    onPresent: parsePair(onPresent),
    onMissing: missing,
    onError: error,
  };
}

function parsePair(message: KeyValuePair | undefined): JsonPairSpec | null {
  if (message === undefined) return null;
  const { value } = message.valueType;
  return {
    namespace: message.metadataNamespace === "" ? "envoy.filters.http.json_to_metadata" : message.metadataNamespace,
    key: message.key,
    value: value === undefined ? undefined : value.kind.case === undefined ? null : toJson(ValueSchema, value),
    type: types[message.type] ?? "PROTOBUF_VALUE",
    keepsExisting: message.preserveExistingMetadataValue,
  };
}

const types: Record<number, JsonPairSpec["type"]> = {
  [ValueType.PROTOBUF_VALUE]: "PROTOBUF_VALUE",
  [ValueType.STRING]: "STRING",
  [ValueType.NUMBER]: "NUMBER",
};
