import { checkCoverage } from "../../proto/coverage.ts";
import type { HeaderMutation as MutationMessage } from "../../proto/generated/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts";
import type { KeyValueMutation } from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type HeaderMutation,
  type HeaderMutationPerRoute,
  type Mutations,
  MutationsSchema,
} from "../../proto/generated/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { appendActions, parseAddition, parseHeaderName } from "../../router/parse-headers.ts";
import { parseStringMatcher } from "../../router/parse-match.ts";
import { compileTemplate } from "../../router/template-value.ts";
import type { HeaderMutationSpec } from "./mutations.ts";
import type { QueryMutationSpec } from "./query.ts";

/** One level's changes. */
export interface MutationsSpec {
  request: HeaderMutationSpec[];
  query: QueryMutationSpec[];
  response: HeaderMutationSpec[];
  requestTrailers: HeaderMutationSpec[];
  responseTrailers: HeaderMutationSpec[];
}

/** extensions.filters.http.header_mutation.v3.HeaderMutation. */
export interface HeaderMutationFilterSpec {
  mutations: MutationsSpec;
  mostSpecificWins: boolean;
}

export function parseHeaderMutation(message: HeaderMutation, problems: Problems): HeaderMutationFilterSpec {
  return {
    mutations: parseLevel(message.mutations, problems.at("mutations")),
    mostSpecificWins: message.mostSpecificHeaderMutationsWins,
  };
}

export function parseHeaderMutationPerRoute(message: HeaderMutationPerRoute, problems: Problems): MutationsSpec {
  return parseLevel(message.mutations, problems.at("mutations"));
}

/** A list of config.common.mutation_rules.v3.HeaderMutation; `problems` is that of the list. */
export function parseMutationList(messages: readonly MutationMessage[], problems: Problems): HeaderMutationSpec[] {
  return messages
    .map((message, i) => parseMutation(message, problems.at(`[${i}]`)))
    .filter((mutation) => mutation !== null);
}

/** null after a fault, which the rules of the API tell. */
function parseMutation({ action }: MutationMessage, problems: Problems): HeaderMutationSpec | null {
  switch (action.case) {
    case "append":
      return { kind: "append", add: parseAddition(action.value, problems.at("append"), compileTemplate) };
    case "remove": {
      const name = parseHeaderName(action.value);
      if (name === "host" || name.startsWith(":")) problems.warning("remove", `"${name}" cannot be removed: it stays`);
      return { kind: "remove", name };
    }
    case "removeOnMatch": {
      const { keyMatcher } = action.value;
      if (keyMatcher === undefined) return null;
      return {
        kind: "removeOnMatch",
        match: parseStringMatcher(keyMatcher, problems.at("remove_on_match.key_matcher")),
      };
    }
    case undefined:
      return null;
  }
}

function parseLevel(message: Mutations | undefined, problems: Problems): MutationsSpec {
  if (message === undefined) {
    return { request: [], query: [], response: [], requestTrailers: [], responseTrailers: [] };
  }
  checkCoverage(MutationsSchema, message, problems, {
    honoured: [
      "request_mutations",
      "query_parameter_mutations",
      "response_mutations",
      "request_trailers_mutations",
      "response_trailers_mutations",
    ],
    harmless: [],
  });
  const list = (name: string, messages: readonly MutationMessage[]) => parseMutationList(messages, problems.at(name));
  return {
    request: list("request_mutations", message.requestMutations),
    query: message.queryParameterMutations.flatMap((mutation, i) =>
      parseQueryMutation(mutation, problems.at(`query_parameter_mutations[${i}]`)),
    ),
    response: list("response_mutations", message.responseMutations),
    requestTrailers: list("request_trailers_mutations", message.requestTrailersMutations),
    responseTrailers: list("response_trailers_mutations", message.responseTrailersMutations),
  };
}

function parseQueryMutation({ append, remove }: KeyValueMutation, problems: Problems): QueryMutationSpec[] {
  if (append === undefined) {
    if (remove === "") problems.error("", noMutation, { envoyText: noMutation });
    return [{ kind: "remove", key: remove }];
  }
  if (remove !== "") {
    const text = "Only one of 'append'/'remove can be specified.";
    problems.error("", text, { envoyText: text });
  }
  const { record } = append;
  if (record === undefined) {
    problems.error("append.record", "is missing", { envoyText: "No record specified for append mutation." });
    return [];
  }
  const { kind } = record.value ?? { kind: { case: undefined, value: undefined } };
  if (kind.case !== "stringValue") {
    const text = "Only string value is allowed for record value.";
    problems.error("append.record.value", text, { envoyText: text });
    return [];
  }
  const compiled = compileTemplate(kind.value);
  if ("error" in compiled) problems.error("append.record.value", compiled.error, { envoyText: compiled.error });
  return [
    { kind: "append", key: record.key, value: kind.value, action: appendActions[append.action] ?? appendActions[0] },
  ];
}

const noMutation = "One of 'append'/'remove' must be specified.";
