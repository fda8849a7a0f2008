import type { ValueConditionSpec } from "../../observability/access-log-spec.ts";
import type { CelSpec } from "../../observability/cel/parse.ts";
import type { RuntimeFractionSpec, StringMatcherSpec } from "../spec.ts";

/** xds.type.matcher.v3.Matcher with what its actions hold, as plain data. */
export type MatcherSpec<Action> = { onNoMatch: OnMatchSpec<Action> | null } & MatchedSpec<Action>;

/** Its matcher_type; an empty list for none. */
export type MatchedSpec<Action> =
  | { kind: "list"; matchers: { predicate: PredicateSpec; onMatch: OnMatchSpec<Action> }[] }
  | { kind: "exact" | "prefix"; input: InputSpec; map: [string, OnMatchSpec<Action>][] }
  | { kind: "ip"; input: InputSpec; ranges: IpRangeSpec<Action>[] }
  | { kind: "domain"; input: InputSpec; domains: [string, OnMatchSpec<Action>][] };

export interface IpRangeSpec<Action> {
  address: string;
  prefixLength: number;
  exclusive: boolean;
  onMatch: OnMatchSpec<Action>;
}

/** Either a further matcher or an action. */
export interface OnMatchSpec<Action> {
  matcher: MatcherSpec<Action> | null;
  action: Action | null;
}

export type PredicateSpec =
  | { kind: "and" | "or"; predicates: PredicateSpec[] }
  | { kind: "not"; predicate: PredicateSpec }
  | { kind: "single"; input: InputSpec; matcher: InputMatcherSpec };

/** What is looked at. */
export type InputSpec =
  | { kind: "request_header" | "response_header" | "response_trailer"; name: string }
  | { kind: "query_param" | "environment_variable"; name: string }
  /** `field`: "" for the object as text. */
  | { kind: "filter_state"; name: string; field: string }
  | { kind: "dynamic_metadata"; path: string[] }
  | { kind: PlainInputKind };

type PlainInputKind =
  | "request_trailer"
  | "status_code"
  | "status_code_class"
  | "local_reply"
  | "destination_ip"
  | "destination_port"
  | "source_ip"
  | "source_port"
  | "direct_source_ip"
  | "source_type"
  | "server_name"
  | "transport_protocol"
  | "application_protocol"
  | "network_namespace"
  | "uri_san"
  | "dns_san"
  | "subject"
  | "cel";

/** What decides on an input. */
export type InputMatcherSpec =
  | { kind: "string"; string: StringMatcherSpec }
  | { kind: "ip"; ranges: { address: string; prefixLength: number }[] }
  | { kind: "metadata"; value: ValueConditionSpec; invert: boolean }
  | { kind: "consistent_hashing"; threshold: number; modulo: number; seed: SeedSpec }
  | { kind: "runtime_fraction"; fraction: RuntimeFractionSpec; seed: SeedSpec }
  | { kind: "cel"; expression: CelSpec };

/** 64 bits in two halves: Specs are compared as JSON, which has no such numbers. */
export interface SeedSpec {
  high: number;
  low: number;
}
