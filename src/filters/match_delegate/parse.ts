import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { noImplementation } from "../../proto/any.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import { MatcherSchema as OldMatcherSchema } from "../../proto/generated/envoy/config/common/matcher/v3/matcher_pb.ts";
import {
  type ExtensionWithMatcher,
  type ExtensionWithMatcherPerRoute,
  ExtensionWithMatcherPerRouteSchema,
  ExtensionWithMatcherSchema,
} from "../../proto/generated/envoy/extensions/common/matching/v3/extension_matcher_pb.ts";
import { type Matcher, MatcherSchema } from "../../proto/generated/xds/type/matcher/v3/matcher_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { parseMatcher } from "../../router/matching/parse.ts";
import type { MatcherSpec } from "../../router/matching/spec.ts";

/** A matcher that says when a filter is skipped: its only action is SkipFilter. null: always. */
export type SkipMatcherSpec = MatcherSpec<"skip"> | null;

/** extensions.common.matching.v3.ExtensionWithMatcher. `Inner`: the filter's config. */
export interface MatchDelegateSpec<Inner> {
  matcher: SkipMatcherSpec;
  inner: Inner;
}

/** null after telling what is wrong. */
export function parseMatchDelegate<Inner>(
  message: ExtensionWithMatcher,
  problems: Problems,
  parseInner: (name: string, any: Any | undefined, problems: Problems) => Inner | null,
): MatchDelegateSpec<Inner> | null {
  checkCoverage(ExtensionWithMatcherSchema, message, problems, {
    honoured: ["xds_matcher", "matcher", "extension_config"],
    harmless: [],
  });
  const { name = "", typedConfig } = message.extensionConfig ?? {};
  const inner = parseInner(name, typedConfig, problems.at("extension_config.typed_config"));
  const { xdsMatcher, matcher: old } = message;
  const matcher =
    xdsMatcher === undefined && old !== undefined
      ? // The same message under another name.
        parseSkipMatcher(fromBinary(MatcherSchema, toBinary(OldMatcherSchema, old)), problems.at("matcher"))
      : parseSkipMatcher(xdsMatcher, problems.at("xds_matcher"));
  return inner === null ? null : { matcher, inner };
}

/** extensions.common.matching.v3.ExtensionWithMatcherPerRoute. */
export interface PerRouteSpec {
  /** null: never. */
  matcher: SkipMatcherSpec;
}

export function parseMatchDelegatePerRoute(message: ExtensionWithMatcherPerRoute, problems: Problems): PerRouteSpec {
  checkCoverage(ExtensionWithMatcherPerRouteSchema, message, problems, { honoured: ["xds_matcher"], harmless: [] });
  return { matcher: parseSkipMatcher(message.xdsMatcher, problems.at("xds_matcher")) };
}

function parseSkipMatcher(message: Matcher | undefined, problems: Problems): SkipMatcherSpec {
  if (message === undefined) return null;
  return parseMatcher(
    message,
    {
      allowed: null,
      refusal: () => "",
      parseAction: ({ desc }, name, scope) => {
        if (desc.typeName === "envoy.extensions.filters.common.matcher.action.v3.SkipFilter") return "skip" as const;
        scope.error("", `is a ${desc.typeName}, and the action here is SkipFilter`, {
          envoyText: noImplementation(name, desc.typeName),
        });
        return null;
      },
    },
    problems,
  );
}
