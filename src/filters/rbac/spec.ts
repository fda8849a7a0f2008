import type { CelSpec } from "../../observability/cel/parse.ts";
import type { MatcherSpec } from "../../router/matching/spec.ts";
import type { RangeSpec } from "../../router/parse-range.ts";
import type {
  FilterStateMatcherSpec,
  HeaderMatcherSpec,
  MetadataMatcherSpec,
  StringMatcherSpec,
} from "../../router/spec.ts";

/** config.rbac.v3.RBAC.Action. */
export type RbacAction = "ALLOW" | "DENY" | "LOG";

/** A policy engine: config.rbac.v3.RBAC, or a matcher whose actions are config.rbac.v3.Action. Plain data. */
export type EngineSpec =
  | { kind: "rules"; action: RbacAction; policies: PolicySpec[] }
  | { kind: "matcher"; matcher: MatcherSpec<NamedAction>; hasLog: boolean };

/** What a matcher decides. */
export interface NamedAction {
  name: string;
  action: RbacAction;
}

/** config.rbac.v3.Policy: one of the permissions, one of the principals, and the condition. */
export interface PolicySpec {
  name: string;
  permissions: RuleSpec[];
  principals: RuleSpec[];
  condition: CelSpec | null;
}

/** A Permission or a Principal. */
export type RuleSpec =
  | { kind: "any" }
  | { kind: "and" | "or"; rules: RuleSpec[] }
  | { kind: "not"; rule: RuleSpec }
  | { kind: "header"; header: HeaderMatcherSpec }
  | { kind: "path" | "server_name"; string: StringMatcherSpec }
  | { kind: "template"; template: string }
  | { kind: "destination_ip" | "source_ip" | "direct_remote_ip" | "remote_ip"; range: RangeSpec }
  /** start <= port < end. */
  | { kind: "destination_port"; start: number; end: number }
  | { kind: "metadata"; matcher: MetadataMatcherSpec; isOfRoute: boolean }
  | { kind: "filter_state"; matcher: FilterStateMatcherSpec }
  /** null: any encrypted connection. */
  | { kind: "authenticated"; name: StringMatcherSpec | null }
  /** A validated certificate; with a name of that type and pattern where `san` is set. */
  | { kind: "mtls_authenticated"; san: { type: string; name: StringMatcherSpec } | null };
