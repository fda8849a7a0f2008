import { checkCoverage } from "../proto/coverage.ts";
import { durationMs, durationMsOr } from "../proto/duration.ts";
import type { Metadata } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type RouteAction,
  RouteActionSchema,
  type WeightedCluster,
  WeightedClusterSchema,
} from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { CompileValue } from "./header-mutation.ts";
import type { ParseDeps, RouteContext } from "./parse.ts";
import { parseHeaderName, parseMutations } from "./parse-headers.ts";
import { parseFormatRewrite, parsePathRewritePolicy } from "./parse-path-policy.ts";
import { parseHashPolicy, parseMirrors, parseRegexRewrite } from "./parse-policies.ts";
import { parseRateLimits } from "./parse-rate-limits.ts";
import { parseInternalRedirect } from "./parse-redirect-policy.ts";
import { parseHedgePolicy, parseRetryPolicy } from "./parse-retry.ts";
import type {
  ClusterActionSpec,
  ClusterTargetSpec,
  HostRewriteSpec,
  MaxStreamDurationSpec,
  PathMatchSpec,
  PathRewriteSpec,
} from "./spec.ts";

/** config.route.v3.RouteAction. Routes that do the same get one object. `match`: how the route matches paths; `problems` is that of the action. */
export function parseClusterAction(
  message: RouteAction,
  match: PathMatchSpec,
  problems: Problems,
  deps: ParseDeps,
  context: RouteContext,
): ClusterActionSpec {
  checkCoverage(RouteActionSchema, message, problems, { honoured, harmless });
  const spec = newAction(message, match, problems, deps, context);
  const { target } = spec;
  // What filters say of an entry is theirs: it may be more than JSON tells.
  if (target.kind === "weighted" && target.entries.some((entry) => Object.keys(entry.perFilterConfig).length > 0)) {
    return spec;
  }
  const key = keyOf(spec);
  const known = context.actions.get(key);
  if (known !== undefined) return known;
  context.actions.set(key, spec);
  return spec;
}

/** The same for all that are the same. Most name a cluster and no more. */
function keyOf(spec: ClusterActionSpec): string {
  const { target } = spec;
  const isPlain =
    target.kind === "cluster" &&
    spec.pathRewrite === null &&
    spec.hostRewrite === null &&
    spec.maxStreamDuration === null &&
    spec.retryPolicy === null &&
    spec.hedgeOnPerTryTimeout === null &&
    spec.hashPolicies.length + spec.mirrors.length + spec.upgrades.length + spec.rateLimits.length === 0 &&
    !spec.includesVirtualHostRateLimits &&
    spec.subset === null &&
    spec.internalRedirect === null;
  if (!isPlain) return JSON.stringify(spec);
  const { clusterNotFoundStatus, appendXForwardedHost, timeoutMs, idleTimeoutMs, priority } = spec;
  return `${clusterNotFoundStatus} ${appendXForwardedHost} ${timeoutMs} ${idleTimeoutMs} ${priority} ${target.name}`;
}

function newAction(
  message: RouteAction,
  match: PathMatchSpec,
  problems: Problems,
  deps: ParseDeps,
  context: RouteContext,
): ClusterActionSpec {
  return {
    kind: "cluster",
    target: parseTarget(message, problems, deps, context),
    clusterNotFoundStatus: notFoundCodes[message.clusterNotFoundResponseCode] ?? 503,
    pathRewrite: parsePathRewrite(message, match, problems, context.compileValue),
    hostRewrite: parseHostRewrite(message, problems, context.compileValue),
    appendXForwardedHost: message.appendXForwardedHost,
    timeoutMs: durationMsOr(message.timeout, 15_000),
    idleTimeoutMs: durationMs(message.idleTimeout),
    maxStreamDuration: parseMaxStreamDuration(message),
    retryPolicy:
      message.retryPolicy === undefined ? null : parseRetryPolicy(message.retryPolicy, problems.at("retry_policy")),
    hedgeOnPerTryTimeout: parseHedgePolicy(message.hedgePolicy, problems.at("hedge_policy")),
    hashPolicies: message.hashPolicy
      .map((policy, i) => parseHashPolicy(policy, problems.at(`hash_policy[${i}]`)))
      .filter((policy) => policy !== null),
    priority: message.priority === 1 ? "HIGH" : "DEFAULT",
    mirrors: parseMirrors(message.requestMirrorPolicies, problems),
    upgrades: parseUpgrades(message, problems),
    subset: subsetOf(message.metadataMatch),
    internalRedirect: parseInternalRedirect(message, problems),
    rateLimits: parseRateLimits(message.rateLimits, problems.at("rate_limits")),
    includesVirtualHostRateLimits: message.includeVhRateLimits ?? false,
  };
}

function parseTarget(
  message: RouteAction,
  problems: Problems,
  deps: ParseDeps,
  context: RouteContext,
): ClusterTargetSpec {
  const specifier = message.clusterSpecifier;
  switch (specifier.case) {
    case "cluster":
      return { kind: "cluster", name: specifier.value };
    case "clusterHeader":
      return { kind: "header", name: parseHeaderName(specifier.value) };
    case "weightedClusters":
      return parseWeighted(specifier.value, problems.at("weighted_clusters"), deps, context);
    case "clusterSpecifierPlugin":
    case "inlineClusterSpecifierPlugin": // checkCoverage refused them.
      return { kind: "cluster", name: "" };
    case undefined:
      problems.error("", "names no cluster: one of cluster, cluster_header, weighted_clusters must be set");
      return { kind: "cluster", name: "" };
  }
}

function parseWeighted(
  message: WeightedCluster,
  problems: Problems,
  deps: ParseDeps,
  context: RouteContext,
): ClusterTargetSpec {
  checkCoverage(WeightedClusterSchema, message, problems, {
    honoured: ["clusters", "runtime_key_prefix", "header_name", "use_hash_policy"],
    harmless: ["total_weight"],
  });
  const total = message.clusters.reduce((sum, cluster) => sum + (cluster.weight ?? 0), 0);
  if (total === 0) {
    const text = "Sum of weights in the weighted_cluster must be greater than 0.";
    problems.error("clusters", text, { envoyText: text });
  }
  if (total > maxTotalWeight) {
    const text = `The sum of weights of all weighted clusters of route exceeds ${maxTotalWeight}`;
    problems.error("clusters", text, { envoyText: text });
  }
  const random = message.randomValueSpecifier;
  return {
    kind: "weighted",
    runtimeKeyPrefix: message.runtimeKeyPrefix,
    randomHeader: random.case === "headerName" ? parseHeaderName(random.value) : "",
    usesHashPolicy: random.case === "useHashPolicy" && random.value.value,
    entries: message.clusters.map((cluster, i) => {
      const scope = problems.at(`clusters[${i}]`);
      if ((cluster.name === "") === (cluster.clusterHeader === "")) {
        const text =
          cluster.name === ""
            ? "At least one of name or cluster_header need to be specified"
            : "Only one of name or cluster_header can be specified";
        scope.error("", text, { envoyText: text });
      }
      return {
        name: cluster.name,
        clusterHeader: parseHeaderName(cluster.clusterHeader),
        weight: cluster.weight ?? 0,
        headers: parseMutations(cluster, scope, context.compileValue),
        perFilterConfig: deps.parsePerRoute(cluster.typedPerFilterConfig, scope),
        hostRewriteLiteral: cluster.hostRewriteSpecifier.value ?? "",
        subset: subsetOf(cluster.metadataMatch),
      };
    }),
  };
}

/** One at most of the four ways to rewrite a path. */
function parsePathRewrite(
  message: RouteAction,
  match: PathMatchSpec,
  problems: Problems,
  compile: CompileValue | null,
): PathRewriteSpec | null {
  const { prefixRewrite, regexRewrite, pathRewritePolicy, pathRewrite } = message;
  const given = [prefixRewrite !== "", regexRewrite !== undefined, pathRewritePolicy !== undefined, pathRewrite !== ""];
  if (given.filter((isGiven) => isGiven).length > 1) {
    const text = "Specify only one of prefix_rewrite, regex_rewrite or path_rewrite_policy";
    problems.error("", text, { envoyText: text });
    return null;
  }
  if (prefixRewrite !== "") {
    if (match.kind === "template") {
      const text = "Cannot use prefix_rewrite with matcher extension";
      problems.error("prefix_rewrite", text, { envoyText: text });
    }
    return { kind: "prefix", value: prefixRewrite };
  }
  if (regexRewrite !== undefined)
    return { kind: "regex", rewrite: parseRegexRewrite(regexRewrite, problems.at("regex_rewrite")) };
  if (pathRewritePolicy !== undefined) {
    const value = parsePathRewritePolicy(pathRewritePolicy, match, problems.at("path_rewrite_policy"));
    return value === "" ? null : { kind: "template", value };
  }
  return pathRewrite === "" ? null : parseFormatRewrite(pathRewrite, "path", problems, compile);
}

function parseHostRewrite(
  message: RouteAction,
  problems: Problems,
  compile: CompileValue | null,
): HostRewriteSpec | null {
  const specifier = message.hostRewriteSpecifier;
  switch (specifier.case) {
    case "hostRewriteLiteral":
      return specifier.value === "" ? null : { kind: "literal", value: specifier.value };
    case "autoHostRewrite":
      return specifier.value.value ? { kind: "auto" } : null;
    case "hostRewriteHeader":
      return specifier.value === "" ? null : { kind: "header", name: parseHeaderName(specifier.value) };
    case "hostRewritePathRegex":
      return { kind: "pathRegex", rewrite: parseRegexRewrite(specifier.value, problems.at("host_rewrite_path_regex")) };
    case "hostRewrite":
      return specifier.value === "" ? null : parseFormatRewrite(specifier.value, "host", problems, compile);
    case undefined:
      return null;
  }
}

function parseMaxStreamDuration(message: RouteAction): MaxStreamDurationSpec | null {
  const given = message.maxStreamDuration;
  if (given === undefined && message.maxGrpcTimeout === undefined) return null;
  return {
    maxStreamDurationMs: durationMs(given?.maxStreamDuration),
    grpcTimeoutHeaderMaxMs: durationMs(given?.grpcTimeoutHeaderMax ?? message.maxGrpcTimeout),
    grpcTimeoutHeaderOffsetMs: durationMs(given?.grpcTimeoutHeaderOffset ?? message.grpcTimeoutOffset),
  };
}

function parseUpgrades(message: RouteAction, problems: Problems): ClusterActionSpec["upgrades"] {
  const seen = new Set<string>();
  return message.upgradeConfigs.map((config, i) => {
    const type = parseHeaderName(config.upgradeType);
    if (seen.has(type))
      problems.error(`upgrade_configs[${i}]`, `Duplicate upgrade ${config.upgradeType}`, {
        envoyText: `Duplicate upgrade ${config.upgradeType}`,
      });
    seen.add(type);
    if (config.connectConfig !== undefined && type !== "connect" && type !== "connect-udp") {
      const text = `Non-CONNECT upgrade type ${config.upgradeType} has ConnectConfig`;
      problems.error(`upgrade_configs[${i}].connect_config`, text, { envoyText: text });
    }
    if (config.connectConfig?.proxyProtocolConfig !== undefined) {
      problems.error(`upgrade_configs[${i}].connect_config.proxy_protocol_config`, "is not implemented in Nuncio yet");
    }
    return {
      type,
      enabled: config.enabled ?? true,
      terminateConnect: config.connectConfig !== undefined,
      allowPost: config.connectConfig?.allowPost ?? false,
    };
  });
}

function subsetOf(metadata: Metadata | undefined): Record<string, unknown> | null {
  return metadata?.filterMetadata["envoy.lb"] ?? null;
}

const notFoundCodes = [503, 404, 500] as const;
const maxTotalWeight = 4_294_967_295;
const honoured = [
  "rate_limits",
  "include_vh_rate_limits",
  "cluster",
  "cluster_header",
  "weighted_clusters",
  "cluster_not_found_response_code",
  "metadata_match",
  "prefix_rewrite",
  "regex_rewrite",
  "path_rewrite_policy",
  "path_rewrite",
  "host_rewrite_literal",
  "auto_host_rewrite",
  "host_rewrite_header",
  "host_rewrite_path_regex",
  "host_rewrite",
  "append_x_forwarded_host",
  "timeout",
  "idle_timeout",
  "priority",
  "max_grpc_timeout",
  "grpc_timeout_offset",
  "upgrade_configs",
  "max_stream_duration",
  "cors",
  "request_mirror_policies",
  "hash_policy",
  "retry_policy",
  "hedge_policy",
  "internal_redirect_policy",
  "internal_redirect_action",
  "max_internal_redirects",
] as const;
const harmless = ["flush_timeout", "early_data_policy"] as const;
