import {
  type Config,
  type Config_KeyValuePair as KeyValuePair,
  type Config_Rule as Rule,
  Config_ValueEncode as ValueEncode,
  Config_ValueType as ValueType,
} from "../../proto/generated/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseHeaderName } from "../../router/parse-headers.ts";
import { parseRegexRewrite } from "../../router/parse-policies.ts";
import type { RegexRewriteSpec } from "../../router/spec.ts";

/** extensions.filters.http.header_to_metadata.v3.Config, of the filter or of a route. */
export interface HeaderToMetadataSpec {
  request: MetadataRuleSpec[];
  response: MetadataRuleSpec[];
  /** "" counts nothing. */
  statPrefix: string;
}

export interface MetadataRuleSpec {
  from: "header" | "cookie";
  /** A header's in lower case. */
  name: string;
  onPresent: KeyValueSpec | null;
  onMissing: KeyValueSpec | null;
  /** Of onPresent; Envoy uses it for what is missing too, where that has no value, which it refuses. */
  rewrite: RegexRewriteSpec | null;
  removes: boolean;
}

export interface KeyValueSpec {
  namespace: string;
  key: string;
  /** "": that of the header. */
  value: string;
  type: "STRING" | "NUMBER" | "PROTOBUF_VALUE";
  isBase64: boolean;
}

export function parseHeaderToMetadata(message: Config, problems: Problems): HeaderToMetadataSpec {
  const rules = (name: string, list: readonly Rule[]) =>
    list.map((rule, i) => parseRule(rule, problems.at(`${name}[${i}]`)));
  return {
    request: rules("request_rules", message.requestRules),
    response: rules("response_rules", message.responseRules),
    statPrefix: message.statPrefix,
  };
}

export function parseHeaderToMetadataPerRoute(message: Config, problems: Problems): HeaderToMetadataSpec {
  if (message.requestRules.length === 0 && message.responseRules.length === 0) {
    problems.error("", "has neither request nor response rules", {
      envoyText: "header_to_metadata_filter: Per filter configs must at least specify either request or response rules",
    });
  }
  return parseHeaderToMetadata(message, problems);
}

function parseRule(message: Rule, problems: Problems): MetadataRuleSpec {
  const { header, cookie, onHeaderPresent, onHeaderMissing, remove } = message;
  const refuse = (path: string, text: string) => problems.error(path, text, { envoyText: text });
  if (header !== "" && cookie !== "") refuse("cookie", "Cannot specify both header and cookie in the same rule");
  if (header === "" && cookie === "") refuse("", "One of Cookie or Header option needs to be specified");
  if (onHeaderPresent === undefined && onHeaderMissing === undefined) {
    const what = header === "" ? `cookie '${cookie}'` : `header '${header.toLowerCase()}'`;
    const text = `rule for ${what} has neither \`on_header_present\` nor \`on_header_missing\` set`;
    problems.error("", text, { envoyText: `header to metadata filter: ${text}` });
  }
  if (onHeaderPresent?.regexValueRewrite !== undefined && onHeaderPresent.value !== "") {
    refuse("on_header_present", "Cannot specify both value and regex_value_rewrite");
  }
  if (header === "" && cookie !== "" && remove) refuse("remove", "Cannot specify remove for cookie");
  if (onHeaderMissing?.value === "") {
    refuse("on_header_missing.value", "Cannot specify on_header_missing rule with an empty value");
  }
  if (onHeaderMissing?.regexValueRewrite !== undefined) {
    problems.warning("on_header_missing.regex_value_rewrite", "has no effect: there is nothing to rewrite");
  }
  const rewrite = onHeaderPresent?.regexValueRewrite;
  return {
    from: header === "" ? "cookie" : "header",
    name: header === "" ? cookie : parseHeaderName(header),
    onPresent: parseKeyValue(onHeaderPresent),
    onMissing: parseKeyValue(onHeaderMissing),
    rewrite:
      rewrite === undefined ? null : parseRegexRewrite(rewrite, problems.at("on_header_present.regex_value_rewrite")),
    removes: remove,
  };
}

function parseKeyValue(message: KeyValuePair | undefined): KeyValueSpec | null {
  if (message === undefined) return null;
  return {
    namespace: message.metadataNamespace === "" ? ownNamespace : message.metadataNamespace,
    key: message.key,
    value: message.value,
    type: types[message.type] ?? "STRING",
    isBase64: message.encode === ValueEncode.BASE64,
  };
}

const ownNamespace = "envoy.filters.http.header_to_metadata";
const types: Record<number, KeyValueSpec["type"]> = {
  [ValueType.STRING]: "STRING",
  [ValueType.NUMBER]: "NUMBER",
  [ValueType.PROTOBUF_VALUE]: "PROTOBUF_VALUE",
};
