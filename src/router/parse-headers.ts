import type { HeaderValueOption } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { noMutations } from "./empty-specs.ts";
import type { CompileValue } from "./header-mutation.ts";
import type { AppendAction, HeaderAddSpec, HeaderMutationsSpec } from "./spec.ts";
import { asciiLower } from "./text.ts";

/** The four mutation lists of a route configuration, virtual host, route or weighted cluster. */
export function parseMutations(
  message: MutationFields,
  problems: Problems,
  compile: CompileValue | null,
): HeaderMutationsSpec {
  const { requestHeadersToAdd, requestHeadersToRemove, responseHeadersToAdd, responseHeadersToRemove } = message;
  const count = requestHeadersToAdd.length + requestHeadersToRemove.length;
  if (count + responseHeadersToAdd.length + responseHeadersToRemove.length === 0) return noMutations;
  return {
    requestAdd: parseAdditions(requestHeadersToAdd, problems.at("request_headers_to_add"), compile),
    requestRemove: parseRemovals(requestHeadersToRemove, problems.at("request_headers_to_remove")),
    responseAdd: parseAdditions(responseHeadersToAdd, problems.at("response_headers_to_add"), compile),
    responseRemove: parseRemovals(responseHeadersToRemove, problems.at("response_headers_to_remove")),
  };
}

/** HeaderValueOption list to Specs. `problems` is that of the list. */
function parseAdditions(
  options: readonly HeaderValueOption[],
  problems: Problems,
  compile: CompileValue | null,
): HeaderAddSpec[] {
  return options.map((option, i) => parseAddition(option, problems.at(`[${i}]`), compile));
}

/** `problems` is that of the option. */
export function parseAddition(
  option: HeaderValueOption,
  problems: Problems,
  compile: CompileValue | null,
): HeaderAddSpec {
  const name = parseHeaderName(option.header?.key ?? "");
  const raw = option.header?.rawValue ?? noBytes;
  const value = raw.length > 0 ? Buffer.from(raw).toString() : (option.header?.value ?? "");
  if (name === "host" || name.startsWith(":")) {
    problems.error("header.key", `"${name}" cannot be changed here; host_rewrite and prefix_rewrite do it`, {
      envoyText: ":-prefixed or host headers may not be modified",
    });
  }
  if (option.append !== undefined && option.appendAction !== 0) {
    const text = "Both append and append_action are set and it's not allowed";
    problems.error("append_action", text, { envoyText: text });
  }
  const compiled = compile === null || !value.includes("%") ? null : compile(value);
  if (compiled !== null && "error" in compiled)
    problems.error("header.value", compiled.error, { envoyText: compiled.error });
  return { name, value, action: actionOf(option), keepEmpty: option.keepEmptyValue };
}

/** As the header block keeps names. */
export function parseHeaderName(name: string): string {
  return asciiLower(name);
}

interface MutationFields {
  requestHeadersToAdd: HeaderValueOption[];
  requestHeadersToRemove: string[];
  responseHeadersToAdd: HeaderValueOption[];
  responseHeadersToRemove: string[];
}

function parseRemovals(names: readonly string[], problems: Problems): string[] {
  return names.map((given, i) => {
    const name = parseHeaderName(given);
    if (name === "host" || name.startsWith(":")) {
      problems.error(`[${i}]`, `"${name}" cannot be removed`, {
        envoyText: ":-prefixed or host headers may not be removed",
      });
    }
    return name;
  });
}

function actionOf(option: HeaderValueOption): AppendAction {
  if (option.append !== undefined) return option.append ? "APPEND_IF_EXISTS_OR_ADD" : "OVERWRITE_IF_EXISTS_OR_ADD";
  return appendActions[option.appendAction] ?? "APPEND_IF_EXISTS_OR_ADD";
}

/** By the numbers of HeaderValueOption.HeaderAppendAction and KeyValueAppend.KeyValueAppendAction. */
export const appendActions = [
  "APPEND_IF_EXISTS_OR_ADD",
  "ADD_IF_ABSENT",
  "OVERWRITE_IF_EXISTS_OR_ADD",
  "OVERWRITE_IF_EXISTS",
] as const;
const noBytes = new Uint8Array();
