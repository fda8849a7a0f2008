import { StringMatcher } from "../../router/matchers.ts";
import type { MutationRulesSpec } from "./spec.ts";

/** Which fields of a request a service may change. Envoy: Filters::Common::MutationRules::Checker. */
export class MutationRules {
  readonly #spec: MutationRulesSpec;
  readonly #allow: StringMatcher | null;
  readonly #disallow: StringMatcher | null;

  constructor(spec: MutationRulesSpec) {
    this.#spec = spec;
    this.#allow = matcherOf(spec.allow);
    this.#disallow = matcherOf(spec.disallow);
  }

  /** "ignore": the change is left out; "fail": all that the service says is. `name` in lower case. */
  check(operation: "set" | "remove", name: string, value: string): "ok" | "ignore" | "fail" {
    if (this.#allows(operation, name) && (operation === "remove" || isGoodValue(name, value))) return "ok";
    return this.#spec.isError ? "fail" : "ignore";
  }

  #allows(operation: "set" | "remove", name: string): boolean {
    const spec = this.#spec;
    const isSystem = name.startsWith(":");
    if (operation === "remove" && (isSystem || name === "host")) return false;
    if (this.#disallow?.matches(name)) return false;
    if (this.#allow?.matches(name)) return true;
    if (spec.disallowsAll) return false;
    if (spec.disallowsSystem && isSystem) return false;
    if (!spec.allowsRouting && routing.has(name)) return false;
    return spec.allowsEnvoy || !name.startsWith("x-envoy");
  }
}

function matcherOf(regex: string): StringMatcher | null {
  return regex === "" ? null : new StringMatcher({ kind: "regex", value: regex, ignoreCase: false });
}

function isGoodValue(name: string, value: string): boolean {
  if (name === ":scheme") return value === "http" || value === "https";
  if (name === ":authority" || name === "host") return !/[\s/?#\\]/.test(value);
  return true;
}

const routing = new Set(["host", ":authority", ":scheme", ":method"]);
