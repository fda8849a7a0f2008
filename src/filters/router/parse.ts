import { checkCoverage } from "../../proto/coverage.ts";
import { type Router, RouterSchema } from "../../proto/generated/envoy/extensions/filters/http/router/v3/router_pb.ts";
import type { Problems } from "../../proto/problems.ts";

/** envoy.extensions.filters.http.router.v3.Router, as far as it is read. */
export interface RouterSpec {
  suppressEnvoyHeaders: boolean;
}

export function parseRouter(message: Router, problems: Problems): RouterSpec {
  checkCoverage(RouterSchema, message, problems, {
    honoured: ["suppress_envoy_headers"],
    harmless: [
      "dynamic_stats",
      "start_child_span",
      "upstream_log",
      "upstream_log_options",
      "suppress_grpc_request_failure_code_stats",
      "respect_expected_rq_timeout",
      "strict_check_headers",
    ],
  });
  return { suppressEnvoyHeaders: message.suppressEnvoyHeaders };
}
