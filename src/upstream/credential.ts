import type { RequestHead } from "../http/header-block.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import type { StatsSlab } from "../observability/stats.ts";
import type { OAuth2Spec, TokenSource } from "./token-source.ts";

/** What a credential injector adds. Envoy: CredentialInjector. */
export interface CredentialSpec {
  /** Lower-case. */
  header: string;
  prefix: string;
  /** A request that has the header gets it all the same. */
  overwrites: boolean;
  /** Requests go without it while there is none. */
  allowsNone: boolean;
  /** Wire text: what is put in, or what the client of `oauth2` shows. Updates come by its id. */
  secret: TlsContextSpec<string>;
  /** null where the secret is put in as it is. */
  oauth2: OAuth2Spec | null;
}

/** An injector, live. */
export class Credential {
  readonly #spec: CredentialSpec;
  readonly #slab: StatsSlab;
  readonly #stats: Record<"injected" | "failed" | "already_exists", number>;
  readonly #secret: () => string | null;
  readonly #tokens: TokenSource | null;

  /** `prefix` of the stats. `secret`: as it is now. `tokens`: null without oauth2. */
  constructor(
    spec: CredentialSpec,
    slab: StatsSlab,
    prefix: string,
    secret: () => string | null,
    tokens: TokenSource | null,
  ) {
    this.#spec = spec;
    this.#slab = slab;
    const counter = (name: string) => slab.counter(`${prefix}credential_injector.${name}`);
    this.#stats = {
      injected: counter("injected"),
      failed: counter("failed"),
      already_exists: counter("already_exists"),
    };
    this.#secret = secret;
    this.#tokens = tokens;
  }

  /** False: the request may not go, there is nothing to put in. */
  addTo(head: RequestHead): boolean {
    const { header, prefix, overwrites, allowsNone } = this.#spec;
    const { values } = this.#slab;
    if (!overwrites && head.find(header) !== null) {
      values[this.#stats.already_exists]++;
      return true;
    }
    // Envoy puts in a token that is empty.
    const text = this.#tokens === null ? this.#secret() || null : this.#tokens.token;
    if (text === null) {
      values[this.#stats.failed]++;
      return allowsNone;
    }
    head.set(header, prefix + text);
    values[this.#stats.injected]++;
    return true;
  }
}
