import type { Duration } from "@bufbuild/protobuf/wkt";
import { loadMessage } from "../config/load.ts";
import { formatProblems } from "../config/report.ts";
import type { HeaderValue } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import type { HeaderMatcher } from "../proto/generated/envoy/config/route/v3/route_components_pb.ts";
import type { RouteConfiguration } from "../proto/generated/envoy/config/route/v3/route_pb.ts";
import { RouteConfigurationSchema } from "../proto/generated/envoy/config/route/v3/route_pb.ts";
import { Problems } from "../proto/problems.ts";
import { parseRoutes } from "../proxy/parse-routes.ts";
import type { RouteConfigSpec } from "../router/spec.ts";
import { validationSchema } from "./route-check-schema.ts";

/** envoy.RouterCheckToolSchema.ValidationItem. */
export interface RouteTest {
  testName: string;
  input: RouteTestInput;
  validate: RouteAssert;
}

/** envoy.RouterCheckToolSchema.ValidationInput. */
export interface RouteTestInput {
  authority: string;
  path: string;
  method: string;
  randomValue: bigint;
  ssl: boolean;
  internal: boolean;
  /** The runtime key that is on; "" for none. */
  runtime: string;
  additionalRequestHeaders: HeaderValue[];
  additionalResponseHeaders: HeaderValue[];
  dynamicMetadata: { metadataNamespace: string; value?: Record<string, unknown>; allowOverwrite: boolean }[];
}

/** envoy.RouterCheckToolSchema.ValidationAssert: what is not there is not checked. */
export interface RouteAssert {
  clusterName?: string;
  virtualClusterName?: string;
  virtualHostName?: string;
  hostRewrite?: string;
  pathRewrite?: string;
  pathRedirect?: string;
  codeRedirect?: number;
  timeout?: Duration;
  requestHeaderFields: HeaderValue[];
  responseHeaderFields: HeaderValue[];
  requestHeaderMatches: HeaderMatcher[];
  responseHeaderMatches: HeaderMatcher[];
  routeMetadata: { namespace: string; key: string; value: string }[];
}

/** A RouteConfiguration that was read. */
export interface LoadedRoutes {
  message: RouteConfiguration;
  spec: RouteConfigSpec;
  /** In words, each with its place. */
  warnings: string;
}

/** Reads a file that is a RouteConfiguration; a string tells its faults. */
export function loadRoutes(path: string): LoadedRoutes | string {
  const loaded = loadMessage(RouteConfigurationSchema, "a RouteConfiguration", path);
  const { message } = loaded;
  const problems = new Problems("", loaded.problems);
  const spec = message === null ? null : parseRoutes(message, problems);
  const text = (severity: "error" | "warning") =>
    formatProblems(
      problems.list.filter((problem) => problem.severity === severity),
      (problem) => loaded.locations.get(problem) ?? (problem.path === "" ? null : loaded.locate(problem.path)),
    );
  if (message === null || spec === null || problems.hasErrors) return `the routes of ${path}:\n${text("error")}`;
  return { message, spec, warnings: text("warning") };
}

/** Reads a file of tests in the format of Envoy's router check tool; a string tells its faults. */
export function loadTests(path: string): RouteTest[] | string {
  const loaded = loadMessage(validationSchema(), "a file of tests", path);
  const { message, problems } = loaded;
  const errors = problems.filter(({ severity }) => severity === "error");
  if (message === null || errors.length > 0) {
    return `the tests of ${path}:\n${formatProblems(errors, (problem) => loaded.locations.get(problem) ?? null)}`;
  }
  const { tests } = message as unknown as { tests: RouteTest[] };
  return tests.length === 0 ? `the tests of ${path}:\ntests: is empty` : tests;
}
