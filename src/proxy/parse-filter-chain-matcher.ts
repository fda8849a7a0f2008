import type { StringValue } from "@bufbuild/protobuf/wkt";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { noImplementation } from "../proto/any.ts";
import type { Matcher } from "../proto/generated/xds/type/matcher/v3/matcher_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { parseMatcher } from "../router/matching/parse.ts";
import { type InputRules, listenerInputs } from "../router/matching/parse-inputs.ts";
import type { MatcherSpec } from "../router/matching/spec.ts";

/** Listener.filter_chain_matcher: its actions are names of filter chains, of which there are `names`. null after telling what is wrong. */
export function parseFilterChainMatcher(
  message: Matcher,
  names: ReadonlySet<string>,
  problems: Problems,
): MatcherSpec<string> | null {
  return parseMatcher(
    message,
    {
      ...inputs,
      parseAction: ({ desc, message: action }, name, scope) => {
        if (desc.typeName !== StringValueSchema.typeName) {
          scope.error(
            "",
            `is a ${desc.typeName}, and the action here is a google.protobuf.StringValue, a chain's name`,
            {
              envoyText: prefix + noImplementation(name, desc.typeName),
            },
          );
          return null;
        }
        const { value } = action as StringValue;
        if (!names.has(value)) {
          scope.warning("", `no filter chain is named "${value}": the connections that it is chosen for are closed`);
        }
        return value;
      },
    },
    problems,
  );
}

const prefix = "cannot create a filter chain matcher: ";
const inputs: InputRules = {
  allowed: new Set(listenerInputs),
  refusal: (typeName, name) => prefix + noImplementation(name, typeName),
};
