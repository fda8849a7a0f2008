import type { RequestHead } from "../../http/header-block.ts";
import { localReply } from "../../observability/local-replies.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import type { PerFilter } from "../../router/route.ts";
import type { RuntimeLookup } from "../../router/runtime-fraction.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeConfig } from "../route-config.ts";
import { deniedDetails, RbacCounters } from "./counters.ts";
import { type Engine, linkEngine, type Verdict } from "./engine.ts";
import type { RbacSpec } from "./parse.ts";

/** Lets requests pass by who asks for what. Envoy: RoleBasedAccessControlFilter. */
export class RbacFilter implements Filter {
  readonly #slot: number;
  readonly #policy: RbacPolicy;
  readonly #stats: RbacCounters;
  readonly #runtime: RuntimeLookup;

  constructor(spec: RbacSpec, slot: number, { slab, statPrefix, runtime }: FilterDeps) {
    this.#slot = slot;
    this.#runtime = runtime;
    this.#policy = linkPolicy(spec, runtime);
    this.#stats = new RbacCounters(slab, `${statPrefix}rbac.`, spec);
  }

  linkRoute(perFilter: PerFilter, name: string): RbacPolicy | null {
    const spec = routeConfig<RbacSpec>(perFilter, name);
    return spec === null ? null : linkPolicy(spec, this.#runtime);
  }

  onRequestHead(stream: FilterStream, _head: RequestHead): HeadersStatus {
    const { spec, enforced, shadow } = (stream.override(this.#slot) as RbacPolicy | null) ?? this.#policy;
    const { info } = stream;
    if (shadow !== null) {
      const verdict = shadow.decide(info);
      this.#stats.count("shadow_", verdict, spec.trackPerRuleStats);
      note(info, `${spec.shadowRulesStatPrefix || this.#policy.spec.shadowRulesStatPrefix}shadow`, verdict);
    }
    if (enforced === null) return HeadersStatus.Continue;
    const verdict = enforced.decide(info);
    this.#stats.count("", verdict, spec.trackPerRuleStats);
    note(info, `${spec.rulesStatPrefix || this.#policy.spec.rulesStatPrefix}enforced`, verdict);
    if (verdict.logHint !== null) info.addMetadata("envoy.common", { access_log_hint: verdict.logHint });
    if (verdict.isAllowed) return HeadersStatus.Continue;
    stream.sendLocalReply(localReply(403, "RBAC: access denied", deniedDetails(verdict)));
    return HeadersStatus.StopIteration;
  }
}

interface RbacPolicy {
  spec: RbacSpec;
  enforced: Engine | null;
  shadow: Engine | null;
}

function linkPolicy(spec: RbacSpec, runtime: RuntimeLookup): RbacPolicy {
  return {
    spec,
    enforced: spec.enforced === null ? null : linkEngine(spec.enforced, runtime),
    shadow: spec.shadow === null ? null : linkEngine(spec.shadow, runtime),
  };
}

function note(info: StreamInfo, prefix: string, { isAllowed, policy }: Verdict): void {
  info.addMetadata("envoy.filters.http.rbac", {
    ...(policy === "" ? null : { [`${prefix}_effective_policy_id`]: policy }),
    [`${prefix}_engine_result`]: isAllowed ? "allowed" : "denied",
  });
}
