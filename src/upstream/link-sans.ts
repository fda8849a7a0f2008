import type { TlsValidationSpec } from "../net/tls/spec.ts";
import type { SanMatcher } from "../net/tls/verify-peer.ts";
import { StringMatcher } from "../router/matchers.ts";

/** match_typed_subject_alt_names, live: the router's matchers. */
export function linkSans(validation: TlsValidationSpec | null): SanMatcher[] {
  return (validation?.sans ?? []).map((san) => {
    const matcher = new StringMatcher(san);
    return { type: san.type, matches: (value) => matcher.matches(value) };
  });
}
