import { unpackExtension } from "../proto/any.ts";
import type { TypedExtensionConfig } from "../proto/generated/envoy/config/core/v3/extension_pb.ts";
import {
  type UriTemplateMatchConfig,
  UriTemplateMatchConfigSchema,
} from "../proto/generated/envoy/extensions/path/match/uri_template/v3/uri_template_match_pb.ts";
import {
  type UriTemplateRewriteConfig,
  UriTemplateRewriteConfigSchema,
} from "../proto/generated/envoy/extensions/path/rewrite/uri_template/v3/uri_template_rewrite_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { CompileValue } from "./header-mutation.ts";
import { regexError } from "./regex.ts";
import type { PathMatchSpec } from "./spec.ts";
import { parseTemplateRewrite, parseUriTemplate } from "./uri-template.ts";

/** The template of path_match_policy; "/" after telling what is wrong. `problems` is that of the policy. */
export function parsePathMatchPolicy(policy: TypedExtensionConfig, problems: Problems): string {
  const message = unpack(policy, UriTemplateMatchConfigSchema.typeName, problems) as UriTemplateMatchConfig | null;
  if (message === null) return "/";
  const template = message.pathTemplate;
  const parsed = parseUriTemplate(template);
  if (!("error" in parsed)) {
    const reason = regexError(parsed.regex);
    if (reason !== null) problems.error("typed_config.path_template", `"${template}" would never match: ${reason}`);
    return template;
  }
  problems.error("typed_config.path_template", `"${template}" is no path template: ${parsed.error}`, {
    envoyText: `path_match_policy.path_template ${template} is invalid: ${parsed.error}`,
  });
  return "/";
}

/** The rewrite of path_rewrite_policy, "" after telling what is wrong. `path`: of the same route. */
export function parsePathRewritePolicy(policy: TypedExtensionConfig, path: PathMatchSpec, problems: Problems): string {
  const message = unpack(policy, UriTemplateRewriteConfigSchema.typeName, problems) as UriTemplateRewriteConfig | null;
  if (message === null) return "";
  const rewrite = message.pathTemplateRewrite;
  const template = path.kind === "template" ? parseUriTemplate(path.value) : null;
  const variables = template === null || "error" in template ? [] : template.variables;
  const parsed = parseTemplateRewrite(rewrite, variables);
  if ("error" in parsed && !parsed.isUnknownVariable) {
    problems.error("typed_config.path_template_rewrite", `"${rewrite}" ${parsed.error}`, {
      envoyText: `path_rewrite_policy.path_template_rewrite ${rewrite} is invalid`,
    });
    return "";
  }
  if (template === null) {
    problems.error("", "needs a path_match_policy whose variables it can use", {
      envoyText:
        "unable to use envoy.path.rewrite.uri_template.uri_template_rewriter extension without envoy.path.match.uri_template.uri_template_matcher extension",
    });
    return "";
  }
  if ("error" in parsed) {
    problems.error("typed_config.path_template_rewrite", `"${rewrite}" ${parsed.error}`, {
      envoyText: `mismatch between variables in path_match_policy ${path.value} and path_rewrite_policy ${rewrite}`,
    });
    return "";
  }
  return rewrite;
}

/** path_rewrite or host_rewrite: a format string. `problems` is that of the message that has it. */
export function parseFormatRewrite(
  value: string,
  what: "path" | "host",
  problems: Problems,
  compile: CompileValue | null,
): { kind: "format"; value: string } {
  const compiled = compile === null ? null : compile(value);
  if (compiled !== null && "error" in compiled) {
    problems.error(`${what}_rewrite`, compiled.error, {
      envoyText: `Failed to create ${what} rewrite formatter: INVALID_ARGUMENT: ${compiled.error}`,
    });
  }
  return { kind: "format", value };
}

/** The config of a policy that must be of one type; null after telling that it is not. */
function unpack(policy: TypedExtensionConfig, typeName: string, problems: Problems): unknown {
  const unpacked = unpackExtension(policy.name, policy.typedConfig, problems, "typed_config");
  if (unpacked === null) return null;
  if (unpacked.desc.typeName === typeName) return unpacked.message;
  problems.error("typed_config", `is a ${unpacked.desc.typeName}; Envoy has ${typeName} alone here`, {
    envoyText: `Didn't find a registered implementation for '${policy.name}' with type URL: '${unpacked.desc.typeName}'`,
  });
  return null;
}
