import type { Message } from "@bufbuild/protobuf";
import {
  type ConnectionLimit,
  ConnectionLimitSchema,
} from "../../proto/generated/envoy/extensions/filters/network/connection_limit/v3/connection_limit_pb.ts";
import {
  type LocalRateLimit,
  LocalRateLimitSchema,
} from "../../proto/generated/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts";
import { type RBAC, RBACSchema } from "../../proto/generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { type ConnectionLimitSpec, parseConnectionLimit } from "./connection_limit/parse.ts";
import { type LocalRateLimitNetworkSpec, parseLocalRateLimitNetwork } from "./local_ratelimit/parse.ts";
import { type NetworkRbacSpec, parseNetworkRbac } from "./rbac/parse.ts";

/** A network filter in front of the HTTP connection manager. Plain data. */
export type NetworkFilterSpec =
  | ({ kind: "connection_limit" } & ConnectionLimitSpec)
  | ({ kind: "local_ratelimit" } & LocalRateLimitNetworkSpec)
  | ({ kind: "rbac" } & NetworkRbacSpec);

/** Reads one, by the full name of its message: the main thread's half of the registry. null after a fault, said. */
export function parseNetworkFilter(typeName: string, message: Message, problems: Problems): NetworkFilterSpec | null {
  switch (typeName) {
    case ConnectionLimitSchema.typeName:
      return { kind: "connection_limit", ...parseConnectionLimit(message as ConnectionLimit, problems) };
    case LocalRateLimitSchema.typeName: {
      const spec = parseLocalRateLimitNetwork(message as LocalRateLimit, problems);
      return spec === null ? null : { kind: "local_ratelimit", ...spec };
    }
    case RBACSchema.typeName:
      return { kind: "rbac", ...parseNetworkRbac(message as RBAC, problems) };
    default:
      problems.error("", `the network filter ${typeName} is not implemented in Nuncio yet`);
      return null;
  }
}
