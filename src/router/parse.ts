import type { Any } from "@bufbuild/protobuf/wkt";
import { checkCoverage } from "../proto/coverage.ts";
import {
  type CorsPolicy,
  type Route,
  RouteSchema,
  type VirtualHost,
  VirtualHostSchema,
} from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import {
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../proto/generated/envoy/config/route/v3/route_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { noPerFilterConfig } from "./empty-specs.ts";
import type { CompileValue } from "./header-mutation.ts";
import { parseAction } from "./parse-action.ts";
import { parseHeaderName, parseMutations } from "./parse-headers.ts";
import { parseHeaderMatcher, parseMatch } from "./parse-match.ts";
import { parseMirrors } from "./parse-policies.ts";
import { parseRateLimits } from "./parse-rate-limits.ts";
import { parseHedgePolicy, parseRetryPolicy } from "./parse-retry.ts";
import { parseRouteMatcher } from "./parse-route-matcher.ts";
import {
  type ClusterActionSpec,
  legacyCors,
  type MetadataSpec,
  type PerFilterConfigSpec,
  type PerFilterSpec,
  type RouteConfigSpec,
  type RouteSpec,
  type VirtualHostSpec,
} from "./spec.ts";
import { asciiLower } from "./text.ts";

/** What parsing takes from outside. */
export interface ParseDeps {
  /** typed_per_filter_config of one level; problems are those of the level. */
  parsePerRoute: (configs: { [name: string]: Any }, problems: Problems) => PerFilterConfigSpec;
  /** The deprecated `cors` of a virtual host or route action; problems are those of the policy. Without it nobody reads it. */
  parseLegacyCors?: (policy: CorsPolicy, problems: Problems) => PerFilterSpec;
  /** Checks format strings; without it they are checked by nobody before link. */
  compileValue?: CompileValue;
  /** Routes that stand for refused ones, with their RESPONSE_CODE_DETAILS. */
  refused?: ReadonlyMap<Route, string>;
}

/** RouteConfiguration to its Spec; null after telling every fault. Reads the files of direct responses. */
export function parseRouteConfig(
  message: RouteConfiguration,
  problems: Problems,
  deps: ParseDeps,
): RouteConfigSpec | null {
  const before = problems.errorCount;
  checkCoverage(RouteConfigurationSchema, message, problems, {
    honoured: [
      "name",
      "virtual_hosts",
      "internal_only_headers",
      "response_headers_to_add",
      "response_headers_to_remove",
      "request_headers_to_add",
      "request_headers_to_remove",
      "most_specific_header_mutations_wins",
      "validate_clusters",
      "max_direct_response_body_size_bytes",
      "ignore_port_in_host_matching",
      "vhost_header",
      "ignore_path_parameters_in_path_matching",
      "typed_per_filter_config",
      "metadata",
      "request_mirror_policies",
      "vhds",
    ],
    harmless: [],
  });
  const context = routeContext(message, deps);
  checkDomains(message, problems);
  const spec: RouteConfigSpec = {
    name: message.name,
    virtualHosts: message.virtualHosts.map((vhost, i) =>
      parseVirtualHost(vhost, problems.at(`virtual_hosts[${i}]`), deps, context),
    ),
    internalOnlyHeaders: message.internalOnlyHeaders.map((name) => asciiLower(name)),
    headers: parseMutations(message, problems, context.compileValue),
    mostSpecificHeaderMutationsWins: message.mostSpecificHeaderMutationsWins,
    validateClusters: message.validateClusters ?? null,
    ignorePortInHostMatching: message.ignorePortInHostMatching,
    ignorePathParameters: message.ignorePathParametersInPathMatching,
    isOnDemand: message.vhds !== undefined,
    vhostHeader: message.vhostHeader === "" ? "" : parseHeaderName(message.vhostHeader),
    perFilterConfig: deps.parsePerRoute(message.typedPerFilterConfig, problems),
    mirrors: parseMirrors(message.requestMirrorPolicies, problems),
    metadata: parseMetadata(message.metadata),
    compiled: null,
  };
  return problems.errorCount > before ? null : spec;
}

/** What the parts need of the whole. */
export interface RouteContext {
  maxBodyBytes: number;
  compileValue: CompileValue | null;
  /** By what they do. */
  actions: Map<string, ClusterActionSpec>;
}

export function routeContext(message: RouteConfiguration, deps: ParseDeps): RouteContext {
  return {
    maxBodyBytes: message.maxDirectResponseBodySizeBytes ?? 4096,
    compileValue: deps.compileValue ?? null,
    actions: new Map(),
  };
}

/** One of a route configuration. Its domains are checked among all. */
export function parseVirtualHost(
  message: VirtualHost,
  problems: Problems,
  deps: ParseDeps,
  context: RouteContext,
): VirtualHostSpec {
  checkCoverage(VirtualHostSchema, message, problems, {
    honoured: [
      "name",
      "domains",
      "routes",
      "matcher",
      "require_tls",
      "request_headers_to_add",
      "request_headers_to_remove",
      "response_headers_to_add",
      "response_headers_to_remove",
      "typed_per_filter_config",
      "include_request_attempt_count",
      "include_attempt_count_in_response",
      "metadata",
      "cors",
      "request_mirror_policies",
      "retry_policy",
      "hedge_policy",
      "include_is_timeout_retry_header",
      "per_request_buffer_limit_bytes",
      "request_body_buffer_limit",
      "virtual_clusters",
      "rate_limits",
    ],
    harmless: [],
  });
  const routes = message.routes.map((route, i) => parseRoute(route, problems.at(`routes[${i}]`), deps, context));
  if (message.matcher !== undefined && routes.length > 0) {
    problems.error("matcher", "cannot stand beside routes", {
      envoyText: "cannot set both matcher and routes on virtual host",
    });
  }
  const places: string[] = [];
  const matcher =
    message.matcher === undefined
      ? null
      : parseRouteMatcher(message.matcher, problems.at("matcher"), (route, scope) => {
          routes.push(parseRoute(route, scope, deps, context));
          places.push(scope.path.slice(problems.path.length + 1));
          return routes.length - 1;
        });
  return {
    name: message.name,
    domains: message.domains,
    routes,
    matcher,
    places,
    requireTls: tlsRequirements[message.requireTls] ?? "NONE",
    headers: parseMutations(message, problems, context.compileValue),
    perFilterConfig: {
      ...deps.parsePerRoute(message.typedPerFilterConfig, problems),
      ...parseCors(message.cors, problems.at("cors"), deps),
    },
    retryPolicy:
      message.retryPolicy === undefined ? null : parseRetryPolicy(message.retryPolicy, problems.at("retry_policy")),
    mirrors: parseMirrors(message.requestMirrorPolicies, problems),
    includeRequestAttemptCount: message.includeRequestAttemptCount,
    includeAttemptCountInResponse: message.includeAttemptCountInResponse,
    includeIsTimeoutRetryHeader: message.includeIsTimeoutRetryHeader,
    hedgeOnPerTryTimeout: parseHedgePolicy(message.hedgePolicy, problems.at("hedge_policy")),
    bodyBufferLimitBytes: bodyBufferLimit(message),
    virtualClusters: message.virtualClusters.map((cluster, i) => ({
      name: cluster.name,
      headers: cluster.headers.map((matcher, j) =>
        parseHeaderMatcher(matcher, problems.at(`virtual_clusters[${i}].headers[${j}]`)),
      ),
    })),
    rateLimits: parseRateLimits(message.rateLimits, problems.at("rate_limits")),
    metadata: parseMetadata(message.metadata),
  };
}

export function parseRoute(message: Route, problems: Problems, deps: ParseDeps, context: RouteContext): RouteSpec {
  checkCoverage(RouteSchema, message, problems, {
    honoured: [
      "name",
      "match",
      "route",
      "redirect",
      "direct_response",
      "filter_action",
      "non_forwarding_action",
      "metadata",
      "typed_per_filter_config",
      "request_headers_to_add",
      "request_headers_to_remove",
      "response_headers_to_add",
      "response_headers_to_remove",
      "per_request_buffer_limit_bytes",
      "request_body_buffer_limit",
      "stat_prefix",
    ],
    harmless: ["decorator", "tracing"],
  });
  const match = parseMatch(message.match, problems.at("match"));
  const cors = message.action.case === "route" ? message.action.value.cors : undefined;
  return {
    name: message.name,
    match,
    action: parseAction(message, match, problems, deps, context),
    headers: parseMutations(message, problems, context.compileValue),
    perFilterConfig: parsePerFilter(message.typedPerFilterConfig, cors, problems, deps),
    metadata: parseMetadata(message.metadata),
    statPrefix: message.statPrefix,
    decorator:
      message.decorator === undefined
        ? null
        : { operation: message.decorator.operation, propagate: message.decorator.propagate ?? true },
    bodyBufferLimitBytes: bodyBufferLimit(message),
  };
}

/** The deprecated field of 32 bits counts where the new one is not set. */
function bodyBufferLimit(message: Pick<Route, "requestBodyBufferLimit" | "perRequestBufferLimitBytes">): number | null {
  if (message.requestBodyBufferLimit !== undefined) return Number(message.requestBodyBufferLimit);
  return message.perRequestBufferLimitBytes ?? null;
}

function parsePerFilter(
  configs: Route["typedPerFilterConfig"],
  cors: CorsPolicy | undefined,
  problems: Problems,
  deps: ParseDeps,
): PerFilterConfigSpec {
  if (cors === undefined && isEmpty(configs)) return noPerFilterConfig;
  return { ...deps.parsePerRoute(configs, problems), ...parseCors(cors, problems.at("route.cors"), deps) };
}

function isEmpty(configs: object): boolean {
  for (const _ in configs) return false;
  return true;
}

function parseCors(policy: CorsPolicy | undefined, problems: Problems, deps: ParseDeps): PerFilterConfigSpec {
  const spec = policy === undefined ? undefined : deps.parseLegacyCors?.(policy, problems);
  return spec === undefined ? {} : { [legacyCors]: spec };
}

/** Domains are unique in a route configuration, without regard to case. */
export function checkDomains(
  message: { name: string; virtualHosts: readonly { domains: readonly string[] }[] },
  problems: Problems,
): void {
  const seen = new Set<string>();
  for (const [v, vhost] of message.virtualHosts.entries()) {
    for (const [d, given] of vhost.domains.entries()) {
      const domain = asciiLower(given);
      const path = `virtual_hosts[${v}].domains[${d}]`;
      if (!seen.has(domain)) seen.add(domain);
      else if (domain === "*") {
        const text = `Only a single wildcard domain is permitted in route ${message.name}`;
        problems.error(path, 'a virtual host before has the domain "*" already', { envoyText: text });
      } else {
        const text = `Only unique values for domains are permitted. Duplicate entry of domain ${domain} in route ${message.name}`;
        problems.error(path, `a virtual host before has the domain "${domain}" already`, { envoyText: text });
      }
    }
  }
}

function parseMetadata(message: Route["metadata"]): MetadataSpec | null {
  return message === undefined ? null : (message.filterMetadata as MetadataSpec);
}

const tlsRequirements = ["NONE", "EXTERNAL_ONLY", "ALL"] as const;
