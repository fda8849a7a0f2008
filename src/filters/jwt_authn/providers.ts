import { StringMatcher } from "../../router/matchers.ts";
import type { FilterDeps } from "../linkers.ts";
import { withoutSlash } from "./audience.ts";
import { KeySource } from "./key-source.ts";
import { type Keys, verifyJwt } from "./keys.ts";
import type { JwtProviderSpec } from "./spec.ts";
import { JwtStatus } from "./status.ts";
import { type Jwt, readJwt } from "./token.ts";

/** A provider, its keys and the tokens of its that were found good. */
export class Provider {
  readonly spec: JwtProviderSpec;
  readonly source: KeySource;
  readonly #audiences: ReadonlySet<string>;
  readonly #subjects: StringMatcher | null;
  readonly #good: GoodTokens = new GoodTokens();

  /** `prefix` of the filter's stats. */
  constructor(spec: JwtProviderSpec, deps: FilterDeps, prefix: string) {
    this.spec = spec;
    this.source = new KeySource(spec, deps.clusters, deps.slab, prefix);
    this.#audiences = new Set(spec.audiences);
    this.#subjects = spec.subjects === null ? null : new StringMatcher(spec.subjects);
  }

  /** All but the signature; `audiences` instead of its own. `nowS`: seconds of the wall clock. */
  checkClaims(jwt: Jwt, audiences: ReadonlySet<string> | null, nowS: number): JwtStatus {
    const { clockSkewS, requiresExpiration, maxLifetimeS } = this.spec;
    // Envoy has no words of their own for these.
    if (this.#subjects !== null && !this.#subjects.matches(jwt.subject)) return JwtStatus.verificationFails;
    const isLimited = requiresExpiration || maxLifetimeS > 0;
    if (isLimited && jwt.expires === 0) return JwtStatus.verificationFails;
    if (maxLifetimeS > 0 && jwt.expires > nowS + maxLifetimeS) return JwtStatus.verificationFails;
    if (jwt.notBefore > nowS + clockSkewS) return JwtStatus.notYetValid;
    if (jwt.expires > 0 && nowS > jwt.expires + clockSkewS) return JwtStatus.expired;
    const allowed = audiences ?? this.#audiences;
    if (allowed.size === 0 || jwt.audiences.some((one) => allowed.has(withoutSlash(one)))) return JwtStatus.ok;
    return JwtStatus.audience;
  }

  /** null: the token is not known to be good. */
  knownGood(text: string): Jwt | null {
    const keys = this.source.keys;
    return keys === null ? null : this.#good.find(text, keys);
  }

  checkSignature(text: string, jwt: Jwt, keys: Keys): JwtStatus {
    const status = verifyJwt(jwt, keys);
    if (status === JwtStatus.ok) this.#good.add(text, jwt, keys);
    return status;
  }
}

/** A token as it is read, which a provider may know already. */
export function knownOrRead(text: string, providers: readonly Provider[]): Jwt | JwtStatus {
  for (const provider of providers) {
    const known = provider.knownGood(text);
    if (known !== null) return known;
  }
  return readJwt(text);
}

/** Tokens whose signature was found good, by the keys that it was checked with. The oldest go first. */
class GoodTokens {
  readonly #tokens = new Map<string, { jwt: Jwt; keys: Keys }>();
  #bytes = 0;

  find(text: string, keys: Keys): Jwt | null {
    const known = this.#tokens.get(text);
    if (known === undefined || known.keys !== keys) return null;
    return known.jwt;
  }

  add(text: string, jwt: Jwt, keys: Keys): void {
    if (text.length > maxTokenBytes) return;
    this.#drop(text);
    this.#tokens.set(text, { jwt, keys });
    this.#bytes += text.length;
    for (const [oldest] of this.#tokens) {
      if (this.#tokens.size <= maxTokens && this.#bytes <= maxBytes) return;
      this.#drop(oldest);
    }
  }

  #drop(text: string): void {
    if (this.#tokens.delete(text)) this.#bytes -= text.length;
  }
}

const maxTokens = 1000;
const maxTokenBytes = 16 * 1024;
const maxBytes = 2 * 1024 * 1024;
