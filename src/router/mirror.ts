import type { RequestHead } from "../http/header-block.ts";
import { isInFraction, type RuntimeLookup } from "./runtime-fraction.ts";
import type { MirrorSpec } from "./spec.ts";

/** Where a route's requests are copied to. Envoy: RouteAction.RequestMirrorPolicy, ShadowPolicyImpl. */
export class Mirror {
  readonly #spec: MirrorSpec;
  readonly #runtime: RuntimeLookup;

  constructor(spec: MirrorSpec, runtime: RuntimeLookup) {
    this.#spec = spec;
    this.#runtime = runtime;
  }

  /** Whether a request is copied. `random` is in [0, 1). */
  isDue(random: number): boolean {
    const fraction = this.#spec.runtimeFraction;
    return fraction === null || isInFraction(fraction, this.#runtime, random);
  }

  /** The cluster's name; "" when the cluster_header is missing. */
  clusterFor(head: RequestHead): string {
    return this.#spec.cluster === "" ? (head.find(this.#spec.clusterHeader) ?? "") : this.#spec.cluster;
  }

  /** The copy's :authority: "a.example:80" becomes "a.example-shadow:80". */
  authorityFor(authority: string): string {
    const { hostRewriteLiteral, disableShadowHostSuffix } = this.#spec;
    if (hostRewriteLiteral !== "") return hostRewriteLiteral;
    if (disableShadowHostSuffix) return authority;
    const colon = authority.lastIndexOf(":");
    if (colon < 0 || colon < authority.indexOf("]")) return `${authority}-shadow`;
    return `${authority.slice(0, colon)}-shadow${authority.slice(colon)}`;
  }
}
