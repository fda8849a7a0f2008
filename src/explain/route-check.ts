import { RequestHead, ResponseHead } from "../http/header-block.ts";
import { StreamInfo } from "../observability/stream-info.ts";
import { compileValue } from "../proxy/link-hcm.ts";
import type { Route } from "../router/route.ts";
import { linkRouteTable, type RouteTable } from "../router/route-table.ts";
import type { RuntimeEntry } from "../router/runtime-fraction.ts";
import { finish } from "../router/slices.ts";
import type { RouteConfigSpec, RouteSpec } from "../router/spec.ts";
import { wire } from "../router/text.ts";
import { checkRoute, type RoutedRequest } from "./route-assert.ts";
import type { RouteTest, RouteTestInput } from "./route-check-file.ts";
import { RouteCoverage } from "./route-coverage.ts";

/** What a test came to. */
export interface RouteTestResult {
  name: string;
  /** One line each, in the words of Envoy's tool. */
  failures: string[];
}

/** Runs tests of Envoy's router check tool against the table that requests ask. */
export class RouteChecker {
  readonly coverage: RouteCoverage;
  readonly #table: RouteTable;
  /** By the name that makes a route the only one of its name. */
  readonly #routes = new Map<string, RouteSpec>();
  /** Of the test that runs. */
  #input: RouteTestInput | null = null;

  constructor(config: RouteConfigSpec) {
    const spec = { ...config, virtualHosts: config.virtualHosts.map((host) => this.#name(host)) };
    this.coverage = new RouteCoverage(new Set(this.#routes.keys()));
    const runtime = { entry: (key: string) => this.#runtimeOf(key) };
    this.#table = finish(linkRouteTable(spec, { compileValue, runtime, stats: null, linkFilters: null }));
  }

  run(test: RouteTest): RouteTestResult {
    this.#input = test.input;
    const request = this.#route(test.input);
    return { name: test.testName, failures: checkRoute(test.validate, request, this.coverage) };
  }

  /** How many routes there are, each cluster of weighted ones for itself. */
  get total(): number {
    return [...this.#routes.values()].reduce((sum, route) => sum + Math.max(weightsOf(route).length, 1), 0);
  }

  /** Unique names of the routes, in their order. */
  get names(): readonly string[] {
    return [...this.#routes.keys()];
  }

  #route(input: RouteTestInput): RoutedRequest {
    const head = headOf(input);
    const response = new ResponseHead();
    for (const header of input.additionalResponseHeaders) {
      response.append(header.key.toLowerCase(), wire(header.value));
    }
    const info = infoOf(input, head);
    const first = this.#table.match(head, info, 0);
    const weights = first === null ? [] : weightsOf(this.#routes.get(first.name));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    // Envoy draws by the remainder; the table by a number in [0, 1).
    const draw = total === 0 ? 0 : (Number(input.randomValue % BigInt(total)) + 0.5) / total;
    const route = this.#table.match(head, info, draw);
    return finalize(route, head, response, info);
  }

  #name<Host extends { routes: RouteSpec[] }>(host: Host): Host {
    const routes = host.routes.map((route) => {
      const name = `${route.name}-${this.#routes.size}`;
      const fraction = route.match.runtimeFraction;
      const own = fraction === null ? null : { ...fraction, runtimeKey: encodeFraction(fraction) };
      const named = { ...route, name, match: { ...route.match, runtimeFraction: own } };
      this.#routes.set(name, named);
      return named;
    });
    return { ...host, routes };
  }

  /** On for the test's key and a number below the share, off for all others; weights have no keys. */
  #runtimeOf(key: string): RuntimeEntry | null {
    const [realKey, numerator, denominator] = key.split("\0");
    if (numerator === undefined || denominator === undefined || this.#input === null) return null;
    const { runtime, randomValue } = this.#input;
    const isOn =
      runtime !== "" &&
      runtime === realKey &&
      randomValue % BigInt(denominator) < BigInt(Math.max(Number(numerator), 1));
    return { text: "", number: null, flag: null, fraction: { numerator: isOn ? 1 : 0, denominator: 1 } };
  }
}

function encodeFraction(fraction: { runtimeKey: string; numerator: number; denominator: number }): string {
  return `${fraction.runtimeKey}\0${fraction.numerator}\0${fraction.denominator}`;
}

function weightsOf(route: RouteSpec | undefined): number[] {
  if (route === undefined || route.action.kind !== "cluster" || route.action.target.kind !== "weighted") return [];
  return route.action.target.entries.map(({ weight }) => weight);
}

/** The request's and response's fields as the router filter leaves them. Envoy: RouterCheckTool::finalizeHeaders. */
function finalize(route: Route | null, head: RequestHead, response: ResponseHead, info: StreamInfo): RoutedRequest {
  const routed: RoutedRequest = { route, head, response, cluster: "", virtualCluster: "", location: "" };
  if (route === null) return routed;
  info.noteRoute(route);
  if (route.kind === "cluster") {
    routed.cluster = route.clusterFor(head);
    routed.virtualCluster = route.virtualHost.virtualClusterFor(head)?.name ?? "";
    route.rewriteRequest(head, info, true);
  } else {
    routed.location = route.locationFor(head, info);
    const body = Buffer.from(route.directBody(info));
    response.status = route.status;
    if (body.length > 0) {
      response.set("content-length", String(body.length));
      response.set("content-type", route.bodyContentType || "text/plain");
    }
  }
  info.response = response;
  route.rewriteResponse(response, info);
  return routed;
}

function headOf(input: RouteTestInput): RequestHead {
  const scheme = input.ssl ? "https" : "http";
  const head = new RequestHead();
  head.method = wire(input.method);
  head.path = wire(input.path);
  head.authority = wire(input.authority);
  head.scheme = scheme;
  head.append("x-forwarded-proto", scheme);
  if (input.internal) head.append("x-envoy-internal", "true");
  for (const { key, value } of input.additionalRequestHeaders) head.append(key.toLowerCase(), wire(value));
  return head;
}

function infoOf(input: RouteTestInput, head: RequestHead): StreamInfo {
  const info = new StreamInfo();
  info.request = head;
  info.protocol = "HTTP/1.1";
  info.downstreamRemoteAddress = loopback;
  info.downstreamDirectRemoteAddress = loopback;
  for (const { metadataNamespace, value = {}, allowOverwrite } of input.dynamicMetadata) {
    info.dynamicMetadata ??= new Map();
    if (allowOverwrite || !info.dynamicMetadata.has(metadataNamespace))
      info.dynamicMetadata.set(metadataNamespace, value);
  }
  return info;
}

const loopback = "127.0.0.1:0";
