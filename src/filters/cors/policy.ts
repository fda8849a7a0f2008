import { StringMatcher } from "../../router/matchers.ts";
import { isInFraction, type RuntimeLookup } from "../../router/runtime-fraction.ts";
import type { RuntimeFractionSpec } from "../../router/spec.ts";
import { wire } from "../../router/text.ts";
import type { CorsPolicySpec } from "./parse.ts";

/** What holds for a route: each field from the most specific level that says it. Envoy: CorsFilter's getters over its policies. */
export class CorsPolicy {
  readonly allowMethods: string;
  readonly allowHeaders: string;
  readonly exposeHeaders: string;
  readonly maxAge: string;
  readonly allowCredentials: boolean;
  readonly allowPrivateNetworkAccess: boolean;
  readonly forwardNotMatchingPreflights: boolean;
  readonly #origins: readonly StringMatcher[];
  /** An origin matcher matches "*": all are allowed. */
  readonly #isAnyAllowed: boolean;
  readonly #filterEnabled: RuntimeFractionSpec | null;
  readonly #shadowEnabled: RuntimeFractionSpec | null;
  readonly #runtime: RuntimeLookup;

  /** At least one level, the most specific first. */
  constructor(levels: readonly CorsPolicySpec[], runtime: RuntimeLookup) {
    const text = (of: (level: CorsPolicySpec) => string): string => wire(levels.map(of).find((t) => t !== "") ?? "");
    const flag = (of: (level: CorsPolicySpec) => boolean | null, byDefault: boolean): boolean =>
      levels.map(of).find((value) => value !== null) ?? byDefault;
    this.allowMethods = text((level) => level.allowMethods);
    this.allowHeaders = text((level) => level.allowHeaders);
    this.exposeHeaders = text((level) => level.exposeHeaders);
    this.maxAge = text((level) => level.maxAge);
    this.allowCredentials = flag((level) => level.allowCredentials, false);
    this.allowPrivateNetworkAccess = flag((level) => level.allowPrivateNetworkAccess, false);
    this.forwardNotMatchingPreflights = flag((level) => level.forwardNotMatchingPreflights, true);
    const origins = levels.map((level) => level.allowOrigins).find((list) => list.length > 0) ?? [];
    this.#origins = origins.map((spec) => new StringMatcher(spec));
    this.#isAnyAllowed = this.#origins.some((matcher) => matcher.matches("*"));
    this.#filterEnabled = levels[0]?.filterEnabled ?? null;
    this.#shadowEnabled = levels[0]?.shadowEnabled ?? null;
    this.#runtime = runtime;
  }

  allows(origin: string): boolean {
    return this.#isAnyAllowed || this.#origins.some((matcher) => matcher.matches(origin));
  }

  /** Asked once a request: chance may decide. */
  isEnabled(): boolean {
    return this.#filterEnabled === null || isInFraction(this.#filterEnabled, this.#runtime, Math.random());
  }

  /** Origins are counted, and nothing else is done. */
  isShadowEnabled(): boolean {
    return this.#shadowEnabled !== null && isInFraction(this.#shadowEnabled, this.#runtime, Math.random());
  }
}
