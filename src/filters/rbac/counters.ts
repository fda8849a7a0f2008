import type { StatsSlab } from "../../observability/stats.ts";
import type { Verdict } from "./engine.ts";

/** The counters of an RBAC filter, those of single policies made when one first decides. */
export class RbacCounters {
  readonly #slab: StatsSlab;
  readonly #prefixes: Record<Kind, string>;
  readonly #slots: Record<Kind, Record<Outcome, number>>;

  /** `prefix`: "http.<stat_prefix>.rbac." or what the network filter has. */
  constructor(
    slab: StatsSlab,
    prefix: string,
    { rulesStatPrefix, shadowRulesStatPrefix }: { rulesStatPrefix: string; shadowRulesStatPrefix: string },
  ) {
    this.#slab = slab;
    this.#prefixes = { "": prefix + withDot(rulesStatPrefix), shadow_: prefix + withDot(shadowRulesStatPrefix) };
    this.#slots = { "": this.#pair(""), shadow_: this.#pair("shadow_") };
  }

  count(kind: Kind, { isAllowed, policy }: Verdict, isPerRule: boolean): void {
    const outcome = isAllowed ? "allowed" : "denied";
    this.#slab.values[this.#slots[kind][outcome]]++;
    if (isPerRule && policy !== "") {
      this.#slab.values[this.#slab.counter(`${this.#prefixes[kind]}policy.${policy}.${kind}${outcome}`)]++;
    }
  }

  #pair(kind: Kind): Record<Outcome, number> {
    const name = (outcome: Outcome) => this.#slab.counter(`${this.#prefixes[kind]}${kind}${outcome}`);
    return { allowed: name("allowed"), denied: name("denied") };
  }
}

function withDot(prefix: string): string {
  return prefix === "" || prefix.endsWith(".") ? prefix : `${prefix}.`;
}

type Kind = "" | "shadow_";
type Outcome = "allowed" | "denied";

/** Envoy: responseDetail. Blanks would break a log line in two. */
export function deniedDetails({ policy }: Verdict): string {
  return `rbac_access_denied_matched_policy[${policy === "" ? "none" : policy.replaceAll(/\s/g, "_")}]`;
}
