import { expect, test } from "vitest";
import { Problems } from "../proto/problems.ts";
import { checkBootstrap } from "./bootstrap-coverage.ts";
import { loadBootstrap } from "./load.ts";

test("what the process does not read is refused where it changes a response, else named", () => {
  expect(
    verdicts(`
      header_prefix: x-other
      overload_manager: {resource_monitors: [{name: a}]}
      stats_sinks: [{name: envoy.stat_sinks.statsd}]
      admin: {address: {pipe: {path: /a}}, allow_paths: [{exact: /ready}], ignore_global_conn_limit: true}
      cluster_manager: {local_cluster_name: a, upstream_bind_config: {source_address: {address: 127.0.0.2, port_value: 0}}}
      stats_config: {use_all_default_tags: false, stats_matcher: {reject_all: true}}`),
  ).toEqual(
    [
      "error header_prefix",
      "warning overload_manager",
      "warning stats_sinks",
      "error admin.allow_paths",
      "warning admin.ignore_global_conn_limit",
      "error cluster_manager.upstream_bind_config",
      "error cluster_manager.local_cluster_name",
      "warning stats_config.stats_matcher",
    ].sort(),
  );
});

test("a tag's regex is ECMAScript's with POSIX classes, and has a group", () => {
  expect(verdicts(`stats_config: {stats_tags: [{tag_name: a, regex: "x("}]}`)).toEqual([
    "error stats_config.stats_tags[0].regex",
  ]);
  expect(verdicts(`stats_config: {stats_tags: [{tag_name: a, regex: "x"}]}`)).toEqual([
    "warning stats_config.stats_tags[0].regex",
  ]);
  expect(verdicts(`stats_config: {stats_tags: [{tag_name: a, regex: "[[:foo:]](x)"}]}`)).toEqual([
    "error stats_config.stats_tags[0].regex",
  ]);
  expect(verdicts(`stats_config: {stats_tags: [{tag_name: a, regex: "x(?=y)([[:digit:]_]+)"}]}`)).toEqual([]);
  expect(verdicts(`stats_config: {stats_tags: [{tag_name: a, regex: "(x)"}, {tag_name: b, fixed_value: c}]}`)).toEqual(
    [],
  );
});

function verdicts(configYaml: string): string[] {
  const { message: bootstrap, problems } = loadBootstrap({
    configPath: null,
    configYaml,
    allowUnknownStaticFields: false,
  });
  expect(problems.filter((problem) => problem.severity === "error")).toEqual([]);
  const found = new Problems("");
  if (bootstrap !== null) checkBootstrap(bootstrap, found);
  return found.list.map(({ severity, path }) => `${severity} ${path}`).sort();
}
