import { parseFormatString } from "../../observability/access-log-parse.ts";
import type { LogFormatSpec } from "../../observability/access-log-spec.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import {
  type FilterStateValue,
  FilterStateValueSchema,
} from "../../proto/generated/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts";
import type { Config } from "../../proto/generated/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts";
import type { Problems } from "../../proto/problems.ts";

/** extensions.filters.http.set_filter_state.v3.Config, of the filter or of a route. */
export interface SetFilterStateSpec {
  values: FilterStateValueSpec[];
  clearsRoute: boolean;
}

export interface FilterStateValueSpec {
  key: string;
  format: LogFormatSpec;
  /** A hash policy hashes it. */
  isHashable: boolean;
  skipsEmpty: boolean;
}

export function parseSetFilterState(message: Config, problems: Problems): SetFilterStateSpec {
  return {
    values: message.onRequestHeaders
      .map((value, i) => parseValue(value, problems.at(`on_request_headers[${i}]`)))
      .filter((value) => value !== null),
    clearsRoute: message.clearRouteCache,
  };
}

/** null after telling what is wrong, or what the rules of the API tell. */
function parseValue(message: FilterStateValue, problems: Problems): FilterStateValueSpec | null {
  checkCoverage(FilterStateValueSchema, message, problems, {
    honoured: ["object_key", "factory_key", "format_string", "skip_if_empty"],
    // Envoy 1.40 does not look at read_only either.
    harmless: ["read_only", "shared_with_upstream"],
  });
  const key = message.key.value;
  const { value: format } = message.value;
  if (key === undefined || format === undefined) return null;
  const factory = message.factoryKey === "" ? key : message.factoryKey;
  const field = message.factoryKey === "" ? "object_key" : "factory_key";
  if (ofOtherUse.has(factory)) problems.error(field, `objects of "${factory}" are not implemented in Nuncio yet`);
  else if (!texts.has(factory)) {
    problems.error(field, `"${factory}" is no factory of objects: ${[...texts].join(" and ")} are`, {
      envoyText: `'${key}' does not have an object factory`,
    });
  }
  const spec = parseFormatString(format, problems.at("format_string"));
  if (spec === null) return null;
  return {
    key,
    format: spec,
    isHashable: factory === "envoy.hashable_string",
    skipsEmpty: message.skipIfEmpty,
  };
}

/** The factories whose objects are texts that anybody may read. */
const texts = new Set(["envoy.string", "envoy.hashable_string"]);
/** Those of Envoy 1.40 whose objects something else of it acts upon. */
const ofOtherUse = new Set([
  "envoy.bool",
  "envoy.filters.listener.original_dst.local_ip",
  "envoy.filters.listener.original_dst.remote_ip",
  "envoy.network.application_protocols",
  "envoy.network.ip",
  "envoy.network.network_namespace",
  "envoy.network.transport_socket.original_dst_address",
  "envoy.network.upstream_server_name",
  "envoy.network.upstream_subject_alt_names",
  "envoy.ratelimit.hits_addend",
  "envoy.tcp_proxy.cluster",
  "envoy.tcp_proxy.disable_tunneling",
  "envoy.tcp_proxy.per_connection_idle_timeout_ms",
  "envoy.upstream.dynamic_host",
  "envoy.upstream.dynamic_port",
]);
