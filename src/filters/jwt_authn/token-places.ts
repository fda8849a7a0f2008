import type { RequestHead } from "../../http/header-block.ts";
import { cookieValue, queryValue } from "../../router/matchers.ts";
import { withoutParam } from "../query-params.ts";
import type { JwtProviderSpec } from "./spec.ts";
import type { Jwt } from "./token.ts";

/** A token where it was found. */
export interface FoundToken {
  text: string;
  place: TokenPlace;
}

/** Where tokens may stand, and whose they may be. */
interface TokenPlace {
  kind: "header" | "param" | "cookie";
  name: string;
  /** Of providers; "" stands for any. */
  issuers: readonly string[];
}

/** Finds the tokens of some providers in a request: fields first, then parameters, then cookies. Envoy: ExtractorImpl. */
export class TokenPlaces {
  readonly #headers: (TokenPlace & { prefix: string })[] = [];
  readonly #params: TokenPlace[] = [];
  readonly #cookies: TokenPlace[] = [];

  constructor(providers: readonly JwtProviderSpec[]) {
    const issuersOf = (has: (one: JwtProviderSpec) => boolean) => providers.filter(has).map(({ issuer }) => issuer);
    const once = <T>(list: readonly T[]) =>
      list.filter((one, i) => list.findIndex((other) => JSON.stringify(other) === JSON.stringify(one)) === i);
    // Envoy keeps fields in a map by name and prefix.
    const byName = once(providers.flatMap(({ headers }) => headers)).sort((a, b) =>
      a.name + a.prefix < b.name + b.prefix ? -1 : 1,
    );
    for (const { name, prefix } of byName) {
      const issuers = issuersOf((one) => one.headers.some((place) => place.name === name && place.prefix === prefix));
      this.#headers.push({ kind: "header", name, prefix, issuers });
    }
    for (const name of once(providers.flatMap(({ params }) => params)).sort()) {
      this.#params.push({ kind: "param", name, issuers: issuersOf(({ params }) => params.includes(name)) });
    }
    for (const name of once(providers.flatMap(({ cookies }) => cookies)).sort()) {
      this.#cookies.push({ kind: "cookie", name, issuers: issuersOf(({ cookies }) => cookies.includes(name)) });
    }
  }

  find(head: RequestHead): FoundToken[] {
    const found: FoundToken[] = [];
    for (const place of this.#headers) {
      const value = head.joined(place.name);
      if (value === null) continue;
      const at = value.indexOf(place.prefix);
      if (at >= 0) found.push({ text: value.slice(at + place.prefix.length), place });
    }
    for (const place of this.#params) {
      const value = queryValue(head.path, place.name);
      if (value !== null) found.push({ text: value, place });
    }
    for (const place of this.#cookies) {
      const value = cookieValue(head, place.name);
      if (value !== null) found.push({ text: value, place });
    }
    return found;
  }
}

/** Whether the token's issuer is one of those whose tokens may stand there. */
export function isIssuer({ place }: FoundToken, { issuer }: Jwt): boolean {
  for (const one of place.issuers) if (one === "" || one === issuer) return true;
  return false;
}

/** Takes a token away that the upstream shall not see. A cookie stays, as in Envoy. */
export function removeToken(head: RequestHead, { kind, name }: TokenPlace): void {
  if (kind === "header") head.remove(name);
  else if (kind === "param") head.path = withoutParam(head.path, name);
}
