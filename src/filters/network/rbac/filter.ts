import type { StreamInfo } from "../../../observability/stream-info.ts";
import { RbacCounters } from "../../rbac/counters.ts";
import { type Engine, linkEngine } from "../../rbac/engine.ts";
import { admitted, type NetworkFilter } from "../api.ts";
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

  onBytes(info: StreamInfo): number {
    if (this.#shadow !== null) this.#stats.count("shadow_", this.#shadow.decide(info), false);
    if (this.#enforced === null) return admitted;
    const verdict = this.#enforced.decide(info);
    this.#stats.count("", verdict, false);
    return verdict.isAllowed ? admitted : this.#delayMs;
  }
}
