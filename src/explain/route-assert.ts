import type { HeaderBlock, RequestHead, ResponseHead } from "../http/header-block.ts";
import { formatDuration } from "../proto/duration.ts";
import type { HeaderMatcher as HeaderMatcherMessage } from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import { Problems } from "../proto/problems.ts";
import { HeaderMatcher } from "../router/matchers.ts";
import { parseHeaderMatcher } from "../router/parse-match.ts";
import type { Route } from "../router/route.ts";
import type { RouteAssert } from "./route-check-file.ts";
import type { CoveredField, RouteCoverage } from "./route-coverage.ts";

/** A request of a test behind its route. */
export interface RoutedRequest {
  /** null: none matches. */
  route: Route | null;
  /** As the upstream gets it. */
  head: RequestHead;
  response: ResponseHead;
  cluster: string;
  virtualCluster: string;
  /** Where a route without a cluster leads. */
  location: string;
}

/** Compares a request with what a test says of it: a line for each difference, in the words of Envoy's tool. */
export function checkRoute(expected: RouteAssert, routed: RoutedRequest, coverage: RouteCoverage): string[] {
  const { route, head } = routed;
  const forwarded = route?.kind === "cluster" ? route : null;
  const answered = route !== null && route.kind !== "cluster" ? route : null;
  const failures: string[] = [];
  const compare = (what: string, actual: unknown, wanted: unknown): boolean => {
    if (actual === wanted) return true;
    failures.push(`expected: [${wanted}], actual: [${actual}], test type: ${what}`);
    return false;
  };
  const check = (what: string, actual: unknown, wanted: unknown, of: Route | null, field: CoveredField | null) => {
    if (wanted !== undefined && compare(what, actual, wanted) && of !== null && field !== null)
      coverage.mark(of, field);
  };
  const ifForwarded = (text: string) => (forwarded === null ? "" : fromWire(text));
  check("cluster_name", ifForwarded(routed.cluster), expected.clusterName, forwarded, "cluster");
  check(
    "virtual_cluster_name",
    ifForwarded(routed.virtualCluster),
    expected.virtualClusterName,
    forwarded,
    "virtualCluster",
  );
  check("virtual_host_name", forwarded?.virtualHost.name ?? "", expected.virtualHostName, forwarded, "virtualHost");
  check("path_rewrite", ifForwarded(head.path), expected.pathRewrite, forwarded, "pathRewrite");
  check("host_rewrite", ifForwarded(head.authority), expected.hostRewrite, forwarded, "hostRewrite");
  check("path_redirect", fromWire(routed.location), expected.pathRedirect, answered, "pathRedirect");
  check("code_redirect", answered?.status ?? 0, expected.codeRedirect, answered, "codeRedirect");
  if (expected.timeout !== undefined) {
    const { seconds, nanos } = expected.timeout;
    const wanted = Number(seconds) * 1000 + nanos / 1e6;
    if (forwarded === null || forwarded.timeoutMs !== wanted) {
      const actual = forwarded === null ? "" : `${forwarded.timeoutMs / 1000}s`;
      compare("timeout", actual, formatDuration(expected.timeout));
    }
  }
  for (const { namespace, key, value } of expected.routeMetadata) {
    const actual = route?.metadata?.[namespace]?.[key];
    check(`route_metadata.${namespace}.${key}`, actual === undefined ? "" : String(actual), value, null, null);
  }
  checkHeaders("request_header_matches", expected.requestHeaderMatches, head, failures);
  for (const { key, value } of expected.requestHeaderFields) {
    check("request_header_fields", fromWire(allOf(head, key) ?? ""), value, null, null);
  }
  checkHeaders("response_header_matches", expected.responseHeaderMatches, routed.response, failures);
  for (const { key, value } of expected.responseHeaderFields) {
    check("response_header_fields", fromWire(allOf(routed.response, key) ?? ""), value, null, null);
  }
  return failures;
}

function checkHeaders(
  what: string,
  matchers: readonly HeaderMatcherMessage[],
  head: HeaderBlock,
  failures: string[],
): void {
  for (const [i, message] of matchers.entries()) {
    const problems = new Problems();
    const spec = parseHeaderMatcher(message, problems.at(`${what}[${i}]`));
    for (const { path, reason } of problems.list) failures.push(`${path}: ${reason}`);
    if (problems.hasErrors || new HeaderMatcher(spec).matches(head)) continue;
    failures.push(mismatch(what, message, head.find(spec.name)));
  }
}

/** Envoy: RouterCheckTool::matchHeaderField. */
function mismatch(what: string, message: HeaderMatcherMessage, value: string | null): string {
  const { name, invertMatch, headerMatchSpecifier: kind } = message;
  if (kind.case === undefined || kind.case === "presentMatch") {
    const [wanted, actual] = [`has(${name}):${!invertMatch}`, `has(${name}):${invertMatch}`];
    return `expected: [${wanted}], actual: [${actual}], test type: ${what}.present_match`;
  }
  const actual = `[${name}: ${value === null ? "NULL" : fromWire(value)}]`;
  if (kind.case !== "stringMatch") return `actual: ${actual}, test type: ${what}.${snake(kind.case)}`;
  const pattern = kind.value.matchPattern;
  const type = `${what}.string_match.${snake(pattern.case ?? "matchPatternNotSet")}`;
  if (pattern.case !== "exact") return `actual: ${actual}, test type: ${type}`;
  return `expected: [${name}: ${pattern.value}], actual: ${invertMatch ? "NOT " : ""}${actual}, test type: ${type}`;
}

function allOf(head: HeaderBlock, key: string): string | null {
  const name = key.toLowerCase();
  return name.startsWith(":") || name === "host" ? head.find(name) : head.joined(name);
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Of bytes as the codec gives them. */
function fromWire(text: string): string {
  return Buffer.from(text, "latin1").toString();
}
