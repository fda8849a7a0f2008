import type { RouterSpec } from "../filters/router/parse.ts";
import { finalizeHead } from "../filters/router/request-fields.ts";
import { Timeouts } from "../filters/router/timeouts.ts";
import type { RequestHead } from "../http/header-block.ts";
import { addressText } from "../net/address.ts";
import { localReplies } from "../observability/local-replies.ts";
import { RetryPolicy } from "../router/retry-policy.ts";
import type { ClusterActionSpec, HostRewriteSpec, PathRewriteSpec } from "../router/spec.ts";
import type { ClusterSpec } from "../upstream/spec.ts";
import type { ClusterFacts, Explanation, UpstreamRequest, Winner } from "./explanation.ts";
import { describeRetries, describeTimeouts } from "./limits.ts";
import type { AskedRequest } from "./request-line.ts";
import type { WinnerParts } from "./winner.ts";
import type { ExplainWorld, WorldCluster } from "./world.ts";

/** What the last step needs besides the route. */
export interface ForwardParts {
  world: ExplainWorld;
  /** Lower-case; "" for none. */
  upgrade: string;
  request: AskedRequest;
}

/** Adds what becomes of the request behind the route: an answer of the proxy, or cluster, rewrites and the upstream's request. As RouterRequest does it. */
export function forwardTo(
  explanation: Explanation,
  winner: Winner,
  parts: WinnerParts,
  { world, upgrade, request }: ForwardParts,
): void {
  const { linked, head, info, hcm, route } = parts;
  const { action } = route.spec;
  const name = action.kind === "cluster" ? linked.clusterFor(head) : "";
  const cluster = world.cluster(name);
  if (cluster !== null) explanation.cluster = describeCluster(cluster);
  const isAllowed = linked.upgrades.find(({ type }) => type === upgrade)?.enabled ?? hcm.upgrades[upgrade] ?? false;
  if (upgrade !== "" && !isAllowed) {
    explanation.answer = ownAnswer(localReplies.upgradeFailed.status, `upgrade "${upgrade}" is not allowed`);
    return;
  }
  if (action.kind !== "cluster") {
    const { status } = linked;
    const needsLocation = linked.kind === "redirect" || status === 201 || (status >= 300 && status < 400);
    explanation.answer = {
      status,
      location: needsLocation ? linked.locationFor(head, info) : "",
      body: linked.directBody(info),
      why: linked.replyDetails,
    };
    return;
  }
  if (cluster === null || explanation.cluster === null) {
    const why = name === "" ? "the header that names the cluster is missing" : `there is no cluster "${name}"`;
    explanation.answer = ownAnswer(linked.clusterNotFoundStatus, why);
    if (world.isOffline && name !== "") explanation.notes.push("clusters by CDS are known to a running proxy: --admin");
    return;
  }
  if (explanation.cluster.endpointCount === 0) explanation.notes.push(noEndpoints(cluster.spec, world));
  const before = { path: head.path, authority: head.authority };
  const requestId = head.find("x-request-id");
  const keepsOriginal = finalize(winner, parts, action, cluster.spec, world);
  autoHost(explanation, parts, cluster, keepsOriginal);
  winner.rewrites = rewritesOf(action, before, head);
  const isMade = !request.headers.some(([one]) => one === "x-request-id");
  explanation.upstream = upstreamRequest(head, isMade ? requestId : null);
}

/** Rewrites, header changes and limits, by the router filter's own hand; false: it says nothing of itself to the upstream. */
function finalize(
  winner: Winner,
  parts: WinnerParts,
  action: ClusterActionSpec,
  spec: ClusterSpec,
  world: ExplainWorld,
): boolean {
  const { linked, head, info, hcm, host, runtime } = parts;
  const last = hcm.filters.at(-1);
  const config = last === undefined || last.discovery === null ? last?.config : world.filterConfigs(last.name)?.config;
  const suppressEnvoyHeaders = (config as RouterSpec | undefined)?.suppressEnvoyHeaders ?? false;
  const policy = spec.retryPolicy === null ? linked.retryPolicy : new RetryPolicy(spec.retryPolicy, runtime);
  const timeouts = new Timeouts();
  info.attemptCount = 1;
  const overrides = finalizeHead(info, linked, head, policy, timeouts, { suppressEnvoyHeaders });
  const limits = { action, virtualHost: host.spec, hcm, cluster: spec, timeouts, overrides };
  winner.timeouts = describeTimeouts(limits);
  winner.retries = describeRetries(limits);
  return !suppressEnvoyHeaders;
}

function autoHost(
  explanation: Explanation,
  { linked, head }: WinnerParts,
  { localities }: WorldCluster,
  keepsOriginal: boolean,
): void {
  if (!linked.autoHostRewrite) return;
  const names = new Set(localities.flatMap(({ hosts }) => hosts.map(({ hostname }) => hostname)));
  const [name = ""] = names;
  if (names.size === 1 && name !== "") linked.setAuthority(head, name, keepsOriginal);
  else if (names.size > 1) explanation.notes.push("auto_host_rewrite: :authority becomes the name of the chosen host");
}

function rewritesOf(
  { pathRewrite, hostRewrite }: ClusterActionSpec,
  before: { path: string; authority: string },
  head: RequestHead,
): Winner["rewrites"] {
  const list: Winner["rewrites"] = [];
  if (pathRewrite !== null || head.path !== before.path) {
    list.push({ what: "path", how: pathHow(pathRewrite), before: before.path, after: head.path });
  }
  if (hostRewrite !== null || head.authority !== before.authority) {
    list.push({ what: "host", how: hostHow(hostRewrite), before: before.authority, after: head.authority });
  }
  return list;
}

function pathHow(spec: PathRewriteSpec | null): string {
  switch (spec?.kind) {
    case undefined:
      return "header mutation";
    case "prefix":
      return `prefix_rewrite "${spec.value}"`;
    case "regex":
      return `regex_rewrite "${spec.rewrite.regex}" to "${spec.rewrite.substitution}"`;
    case "template":
      return `uri_template rewrite "${spec.value}"`;
    case "format":
      return `path_rewrite "${spec.value}"`;
  }
}

function hostHow(spec: HostRewriteSpec | null): string {
  switch (spec?.kind) {
    case undefined:
      return "host_rewrite_literal of the weighted cluster, or a header mutation";
    case "literal":
      return "host_rewrite_literal";
    case "auto":
      return "auto_host_rewrite";
    case "header":
      return `host_rewrite_header ${spec.name}`;
    case "pathRegex":
      return `host_rewrite_path_regex "${spec.rewrite.regex}" to "${spec.rewrite.substitution}"`;
    case "format":
      return `host_rewrite "${spec.value}"`;
  }
}

function describeCluster({ spec, localities }: WorldCluster): ClusterFacts {
  const hosts = localities.flatMap(({ hosts: list, priority }) => list.map((host) => ({ host, priority })));
  return {
    name: spec.name,
    discovery: spec.discovery,
    balancer: spec.lb.hash?.kind ?? spec.lb.policy,
    endpoints: hosts.slice(0, maxEndpoints).map(({ host, priority }) => ({
      address: addressText(host.address),
      hostname: host.hostname,
      health: host.health,
      weight: host.weight,
      priority,
    })),
    endpointCount: hosts.length,
    healthyCount: hosts.filter(({ host }) => host.health === "HEALTHY").length,
  };
}

function noEndpoints({ discovery }: ClusterSpec, { isOffline }: ExplainWorld): string {
  if (isOffline && discovery !== "STATIC") return "the endpoints of the cluster are known to a running proxy: --admin";
  return `the cluster has no endpoints: the answer is ${localReplies.noHealthyUpstream.status}`;
}

function upstreamRequest(head: RequestHead, newRequestId: string | null): UpstreamRequest {
  const headers: UpstreamRequest["headers"] = [];
  for (let i = 0; i < head.size; i++) {
    const name = head.names[i] as string;
    if (name === "") continue;
    const value = head.values[i] as string;
    headers.push({ name, value: name === "x-request-id" && value === newRequestId ? madeAnew : value });
  }
  return { method: head.method, path: head.path, authority: head.authority, scheme: head.scheme, headers };
}

function ownAnswer(status: number, why: string): Explanation["answer"] {
  return { status, location: "", body: "", why };
}

const maxEndpoints = 10;
/** Stands for a request id, which is another each time. */
const madeAnew = "<a new UUID>";
