import type { StreamInfo } from "../../../observability/stream-info.ts";
import { deniedDetails, RbacCounters } from "../../rbac/counters.ts";
import { type Engine, linkEngine } from "../../rbac/engine.ts";
import type { NetworkFilter, Refusal } from "../api.ts";
import type { NetworkFilterDeps } from "../linkers.ts";
import type { NetworkRbacSpec } from "./parse.ts";

/** Lets connections pass by who they are, asked at their first bytes or at all. Envoy: the RoleBasedAccessControlFilter of Network. */
export class NetworkRbacFilter implements NetworkFilter {
  readonly asksAlways: boolean;
  readonly #delayMs: number;
  readonly #enforced: Engine | null;
  readonly #shadow: Engine | null;
  readonly #stats: RbacCounters;

  constructor(spec: NetworkRbacSpec, { slab, runtime }: NetworkFilterDeps) {
    this.asksAlways = spec.isContinuous;
    this.#delayMs = spec.delayMs;
    this.#enforced = spec.enforced === null ? null : linkEngine(spec.enforced, runtime);
    this.#shadow = spec.shadow === null ? null : linkEngine(spec.shadow, runtime);
    this.#stats = new RbacCounters(slab, `${spec.statPrefix}.rbac.`, { ...spec, rulesStatPrefix: "" });
  }

  onBytes(info: StreamInfo): Refusal | null {
    if (this.#shadow !== null) this.#stats.count("shadow_", this.#shadow.decide(info), false);
    if (this.#enforced === null) return null;
    const verdict = this.#enforced.decide(info);
    this.#stats.count("", verdict, false);
    if (verdict.isAllowed) return null;
    return { delayMs: this.#delayMs, closeReason: "rbac_deny_close", details: deniedDetails(verdict), flags: 0 };
  }
}
