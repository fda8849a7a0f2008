import { checkCoverage } from "../../proto/coverage.ts";
import {
  type FilterConfig,
  FilterConfigSchema,
} from "../../proto/generated/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { wire } from "../../router/text.ts";

/** envoy.extensions.filters.http.grpc_stats.v3.FilterConfig. */
export interface GrpcStatsSpec {
  /** Leave the numbers of messages in the filter state. */
  emitsFilterState: boolean;
  /** Stats of their own for all methods. */
  forAllMethods: boolean;
  /** "service/method" of those that have their own stats where not all do. */
  methods: string[];
  /** upstream_rq_time of calls. */
  timesUpstream: boolean;
  /** Of services, where all methods have stats. */
  replacesDots: boolean;
}

/** FilterConfig to its Spec. */
export function parseGrpcStats(message: FilterConfig, problems: Problems): GrpcStatsSpec {
  checkCoverage(FilterConfigSchema, message, problems, {
    honoured: [
      "emit_filter_state",
      "individual_method_stats_allowlist",
      "stats_for_all_methods",
      "enable_upstream_stats",
      "replace_dots_in_grpc_service_name",
    ],
    harmless: [],
  });
  const specifier = message.perMethodStatSpecifier;
  const services = specifier.case === "individualMethodStatsAllowlist" ? specifier.value.services : [];
  return {
    emitsFilterState: message.emitFilterState,
    forAllMethods: specifier.case === "statsForAllMethods" && specifier.value.value,
    methods: services.flatMap(({ name, methodNames }) => methodNames.map((method) => wire(`${name}/${method}`))),
    timesUpstream: message.enableUpstreamStats,
    replacesDots: message.replaceDotsInGrpcServiceName,
  };
}
