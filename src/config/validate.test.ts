import { expect, test } from "vitest";
import { loadBootstrap } from "./load.ts";

const cluster = (rest: string) => `static_resources: {clusters: [{name: a, ${rest}}]}`;
const inCluster = (rest: string) =>
  `BootstrapValidationError.StaticResources: embedded message failed validation | caused by StaticResourcesValidationError.Clusters[0]: embedded message failed validation | caused by ${rest}`;

/** Sentences recorded from Envoy 1.40. */
const sentences: readonly [name: string, yaml: string, sentence: string][] = [
  [
    "a range of wrappers",
    cluster("preconnect_policy: {per_upstream_preconnect_ratio: 4}"),
    inCluster(
      "ClusterValidationError.PreconnectPolicy: embedded message failed validation | caused by PreconnectPolicyValidationError.PerUpstreamPreconnectRatio: value must be inside range [1, 3]",
    ),
  ],
  [
    "a number after an underscore",
    cluster("outlier_detection: {enforcing_consecutive_5xx: 101}"),
    inCluster(
      "ClusterValidationError.OutlierDetection: embedded message failed validation | caused by OutlierDetectionValidationError.EnforcingConsecutive_5Xx: value must be less than or equal to 100",
    ),
  ],
  [
    "a duration",
    cluster("connect_timeout: 0s"),
    inCluster("ClusterValidationError.ConnectTimeout: value must be greater than 0s"),
  ],
  [
    "an enum",
    cluster("lb_policy: 9"),
    inCluster("ClusterValidationError.LbPolicy: value must be one of the defined enum values"),
  ],
  [
    "a oneof",
    cluster("dns_resolvers: [{}]"),
    inCluster(
      'ClusterValidationError.DnsResolvers[0]: embedded message failed validation | caused by field: "address", reason: is required',
    ),
  ],
  [
    "a required message",
    cluster("health_checks: [{}]"),
    inCluster(
      "ClusterValidationError.HealthChecks[0]: embedded message failed validation | caused by HealthCheckValidationError.Timeout: value is required",
    ),
  ],
  [
    "a required wrapper",
    cluster("http2_protocol_options: {custom_settings_parameters: [{}]}"),
    inCluster(
      "ClusterValidationError.Http2ProtocolOptions: embedded message failed validation | caused by Http2ProtocolOptionsValidationError.CustomSettingsParameters[0]: embedded message failed validation | caused by SettingsParameterValidationError.Identifier: value is required and must not be nil.",
    ),
  ],
  [
    "an Any begins anew",
    cluster(
      'typed_extension_protocol_options: {x: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions}}',
    ),
    'field: "upstream_protocol_options", reason: is required',
  ],
  [
    "a bool that must be true",
    "stats_flush_on_admin: false",
    "BootstrapValidationError.StatsFlushOnAdmin: value must equal true",
  ],
];

for (const [name, configYaml, sentence] of sentences) {
  test(`Envoy's sentence for ${name}`, () => {
    const { problems } = loadBootstrap({ configPath: null, configYaml, allowUnknownStaticFields: false });
    expect(problems.map((problem) => problem.envoyText)).toContain(`Proto constraint validation failed (${sentence})`);
  });
}

test("every violation is told, not only the first", () => {
  const configYaml = cluster("connect_timeout: 0s, lb_policy: 9, dns_resolvers: [{}, {}]");
  const { problems } = loadBootstrap({ configPath: null, configYaml, allowUnknownStaticFields: false });
  expect(problems.filter((problem) => problem.severity === "error").map((problem) => problem.path)).toEqual([
    "static_resources.clusters[0].connect_timeout",
    "static_resources.clusters[0].lb_policy",
    "static_resources.clusters[0].dns_resolvers[0]",
    "static_resources.clusters[0].dns_resolvers[1]",
  ]);
});
