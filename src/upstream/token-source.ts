import { laterIfAlive } from "../net/weak-timer.ts";
import type { StatsSlab } from "../observability/stats.ts";
import type { HttpUriSpec } from "../proto/http-uri.ts";
import type { Cluster } from "./cluster.ts";
import { HttpFetch } from "./http-fetch.ts";
import { formEncode, readToken } from "./oauth2-messages.ts";

/** extensions.http.injected_credentials.oauth2.v3.OAuth2. */
export interface OAuth2Spec {
  endpoint: HttpUriSpec;
  /** The form that is sent, in front of the client's secret and behind it. */
  form: [before: string, after: string];
  /** False with TLS_CLIENT_AUTH. */
  sendsSecret: boolean;
  /** Which secret it is, to tell configs apart. */
  secretKey: string;
  retryMs: number;
}

/** The tokens of one worker: what asks for the same one has it together, the next version of a config too. */
export class TokenSources {
  readonly #slab: StatsSlab;
  readonly #clusters: (name: string) => Cluster | null;
  readonly #known = new Map<string, WeakRef<TokenSource>>();

  constructor(slab: StatsSlab, clusters: (name: string) => Cluster | null) {
    this.#slab = slab;
    this.#clusters = clusters;
  }

  /** It is asked for as long as somebody has it. `secret`: as it is now. */
  of(spec: OAuth2Spec, statPrefix: string, secret: () => string | null): TokenSource {
    const key = JSON.stringify([statPrefix, spec]);
    let source = this.#known.get(key)?.deref();
    if (source === undefined) {
      for (const [other, ref] of this.#known) if (ref.deref() === undefined) this.#known.delete(other);
      source = new TokenSource(spec, this.#slab, statPrefix, this.#clusters);
      this.#known.set(key, new WeakRef(source));
    }
    source.secret = secret;
    return source;
  }
}

/** A token by the grant of client credentials (RFC 6749 section 4.4), fetched again at half of its life. Envoy: TokenProvider, OAuth2ClientImpl. */
export class TokenSource {
  readonly #spec: OAuth2Spec;
  readonly #values: Float64Array;
  readonly #stats: Record<StatName, number>;
  readonly #clusters: (name: string) => Cluster | null;
  secret: () => string | null = () => null;
  /** Wire text; null before the first one. One that is too old stays until there is another. */
  token: string | null = null;

  constructor(spec: OAuth2Spec, slab: StatsSlab, statPrefix: string, clusters: (name: string) => Cluster | null) {
    this.#spec = spec;
    this.#values = slab.values;
    const counter = (name: string) => slab.counter(`${statPrefix}credential_injector.oauth2.${name}`);
    this.#stats = Object.fromEntries(statNames.map((name) => [name, counter(name)])) as Record<StatName, number>;
    this.#clusters = clusters;
    // The other clusters of an update come first.
    this.#fetchIn(0);
  }

  #fetch(): void {
    const { endpoint, form, sendsSecret } = this.#spec;
    const secret = sendsSecret ? this.secret() : null;
    if (sendsSecret && !secret) {
      this.#fail("token_fetch_failed_on_client_secret");
      return;
    }
    const cluster = this.#clusters(endpoint.cluster);
    if (cluster === null) {
      this.#fail("token_fetch_failed_on_cluster_not_found");
      return;
    }
    this.#count("token_requested");
    const shown = secret === null ? "" : `&client_secret=${formEncode(Buffer.from(secret, "latin1"))}`;
    const request = {
      ...endpoint,
      cluster,
      method: "POST",
      headers: requestFields,
      body: Buffer.from(form[0] + shown + form[1]),
      isOwn: true,
    };
    new HttpFetch(request, {
      onAnswer: (status, body) => {
        if (status !== 200) this.#fail("token_fetch_failed_on_bad_response_code");
        else this.#take(body);
      },
      // Envoy's client answers itself where no answer has begun.
      onFailure: (_, failure) =>
        this.#fail(
          failure === "cut" ? "token_fetch_failed_on_stream_reset" : "token_fetch_failed_on_bad_response_code",
        ),
    });
  }

  #take(body: Buffer): void {
    const found = readToken(body);
    if (found === null) {
      this.#fail("token_fetch_failed_on_bad_token");
      return;
    }
    this.#count("token_fetched");
    this.token = found.token;
    this.#fetchIn(Math.max(minRefetchMs, Math.floor(found.lifeS / 2) * 1000));
  }

  #fail(why: StatName): void {
    this.#count(why);
    this.#fetchIn(this.#spec.retryMs);
  }

  /** The timer does not keep it alive: where no config has it any more, nothing is asked for. */
  #fetchIn(ms: number): void {
    laterIfAlive(this, ms, (source) => source.#fetch());
  }

  #count(name: StatName): void {
    this.#values[this.#stats[name]]++;
  }
}

const statNames = [
  "token_requested",
  "token_fetched",
  "token_fetch_failed_on_client_secret",
  "token_fetch_failed_on_cluster_not_found",
  "token_fetch_failed_on_stream_reset",
  "token_fetch_failed_on_bad_token",
  "token_fetch_failed_on_bad_response_code",
] as const;
type StatName = (typeof statNames)[number];
/** As Envoy's client sends them. */
const requestFields = [
  ["content-type", "application/x-www-form-urlencoded"],
  ["user-agent", "Go-browser"],
  ["accept", "application/json"],
] as const;
/** Of a token that is too old as it comes. */
const minRefetchMs = 1000;
