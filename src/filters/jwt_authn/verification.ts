import type { RequestHead } from "../../http/header-block.ts";
import { eventClock } from "../../net/event-clock.ts";
import type { KeySource, KeyWaiter } from "./key-source.ts";
import type { Keys } from "./keys.ts";
import { knownOrRead, type Provider } from "./providers.ts";
import type { Requirement } from "./requirements.ts";
import { JwtStatus } from "./status.ts";
import type { Jwt } from "./token.ts";
import { type FoundToken, isIssuer, type TokenPlaces } from "./token-places.ts";

/** What providers the filter has. */
export interface ProviderSet {
  /** Where tokens of all of them may stand. */
  places: TokenPlaces;
  all: readonly Provider[];
  /** null where the issuer is nobody's. */
  byIssuer(issuer: string): Provider | null;
  /** A token for a provider was known already, or not. */
  onLookup(provider: Provider, text: string, isKnown: boolean): void;
}

/** A token that was found good, and what came of one that was not. */
export interface Verdict {
  good: { provider: Provider; jwt: Jwt; token: FoundToken }[];
  failed: { provider: Provider; status: JwtStatus }[];
}

/**
 * Checks one request against a requirement. Where keys must be fetched it waits for them and begins anew with what came: nothing is
 * changed before all is known. Envoy: Verifier, Authenticator.
 */
export class Verification implements KeyWaiter {
  readonly verdict: Verdict = { good: [], failed: [] };
  readonly #requirement: Requirement;
  readonly #head: RequestHead;
  readonly #providers: ProviderSet;
  readonly #onDone: (status: JwtStatus) => void;
  /** Whose keys are needed; null when none is. */
  #missing: KeySource | null = null;
  /** Who had no keys when they were fetched. */
  readonly #keyless: KeySource[] = [];
  /** Keys came, and all is checked anew. */
  #isAgain = false;
  /** What was just fetched, however short it may be kept. */
  readonly #fetched = new Map<KeySource, Keys>();

  /** `onDone` is called for what start() does not answer. */
  constructor(
    requirement: Requirement,
    head: RequestHead,
    providers: ProviderSet,
    onDone: (status: JwtStatus) => void,
  ) {
    this.#requirement = requirement;
    this.#head = head;
    this.#providers = providers;
    this.#onDone = onDone;
  }

  /** null: keys are waited for. */
  start(): JwtStatus | null {
    this.verdict.good = [];
    this.verdict.failed = [];
    this.#missing = null;
    const status = this.#check(this.#requirement);
    if (status !== null) return status;
    (this.#missing as KeySource | null)?.wait(this);
    return null;
  }

  onKeys(keys: Keys | null): void {
    const source = this.#missing;
    if (source === null) return;
    if (keys === null) this.#keyless.push(source);
    else this.#fetched.set(source, keys);
    this.#isAgain = true;
    eventClock.tick();
    const status = this.start();
    if (status !== null) this.#onDone(status);
  }

  /** The request is gone. */
  cancel(): void {
    this.#missing?.leave(this);
    this.#missing = null;
  }

  /** null: keys are missing. */
  #check(requirement: Requirement): JwtStatus | null {
    switch (requirement.kind) {
      case "provider":
        return this.#checkTokens(
          requirement.places.find(this.#head),
          requirement.provider,
          requirement.audiences,
          false,
        );
      case "allowMissing":
      case "allowMissingOrFailed": {
        const allowsFailed = requirement.kind === "allowMissingOrFailed";
        const status = this.#checkTokens(this.#providers.places.find(this.#head), null, null, allowsFailed);
        if (status === null) return null;
        return allowsFailed || status === JwtStatus.missing ? JwtStatus.ok : status;
      }
      case "any":
        return this.#checkAny(requirement);
      case "all":
        for (const inner of requirement.of) {
          const status = this.#check(inner);
          if (status !== JwtStatus.ok) return status;
        }
        return JwtStatus.ok;
    }
  }

  /** Envoy: of several failures the one that says most. */
  #checkAny({ of, allowsMissing, allowsFailed }: Extract<Requirement, { kind: "any" }>): JwtStatus | null {
    let final: JwtStatus = JwtStatus.missing;
    for (const inner of of) {
      const status = this.#check(inner);
      if (status === null || status === JwtStatus.ok) return status;
      const isTelling = status !== JwtStatus.missing && status !== JwtStatus.unknownIssuer;
      if (isTelling || final === JwtStatus.missing) final = status;
    }
    return allowsFailed || (allowsMissing && final === JwtStatus.missing) ? JwtStatus.ok : final;
  }

  /** All must be good; where failures are allowed, all are looked at. */
  #checkTokens(
    tokens: readonly FoundToken[],
    provider: Provider | null,
    audiences: ReadonlySet<string> | null,
    allowsFailed: boolean,
  ): JwtStatus | null {
    let status: JwtStatus = JwtStatus.missing;
    // As Envoy: the one found last comes first.
    for (const token of tokens.toReversed()) {
      const one = this.#checkToken(token, provider, audiences);
      if (one === null) return null;
      status = one;
      if (status !== JwtStatus.ok && !allowsFailed) return status;
    }
    return status;
  }

  #checkToken(token: FoundToken, given: Provider | null, audiences: ReadonlySet<string> | null): JwtStatus | null {
    if (given !== null && !this.#isAgain)
      this.#providers.onLookup(given, token.text, given.knownGood(token.text) !== null);
    const jwt = knownOrRead(token.text, given === null ? this.#providers.all : [given]);
    if (typeof jwt === "string") return this.#fail(given, jwt);
    if (!isIssuer(token, jwt)) return this.#fail(given, JwtStatus.unknownIssuer);
    const provider = given ?? this.#providers.byIssuer(jwt.issuer);
    if (provider === null) return JwtStatus.unknownIssuer;
    const status = this.#checkJwt(token, jwt, provider, audiences);
    if (status === null) return null;
    if (status !== JwtStatus.ok) return this.#fail(provider, status);
    this.verdict.good.push({ provider, jwt, token });
    return status;
  }

  #fail(provider: Provider | null, status: JwtStatus): JwtStatus {
    if (provider !== null) this.verdict.failed.push({ provider, status });
    return status;
  }

  #checkJwt(
    { text }: FoundToken,
    jwt: Jwt,
    provider: Provider,
    audiences: ReadonlySet<string> | null,
  ): JwtStatus | null {
    const claims = provider.checkClaims(jwt, audiences, Math.floor(eventClock.wallNow / 1000));
    if (claims !== JwtStatus.ok) return claims;
    const isKnown = provider.knownGood(text) === jwt;
    if (isKnown) return JwtStatus.ok;
    const keys = this.#fetched.get(provider.source) ?? provider.source.keys;
    return keys === null ? this.#withoutKeys(provider.source) : provider.checkSignature(text, jwt, keys);
  }

  #withoutKeys(source: KeySource): JwtStatus | null {
    if (!source.isRemote) return JwtStatus.noValidKeys;
    if (this.#keyless.includes(source)) return JwtStatus.fetchFailed;
    this.#missing = source;
    return null;
  }
}
