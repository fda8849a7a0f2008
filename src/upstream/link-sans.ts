import { coversName } from "../net/tls/alternative-names.ts";
import type { TlsValidationSpec } from "../net/tls/spec.ts";
import type { SanMatcher } from "../net/tls/verify-peer.ts";
import { StringMatcher } from "../router/matchers.ts";

/**
 * match_typed_subject_alt_names, live: the router's matchers. An exact DNS name may be a wildcard's in the certificate (Envoy
 * DnsExactStringSanMatcher), in capitals or not.
 */
export function linkSans(validation: TlsValidationSpec | null): SanMatcher[] {
  return (validation?.sans ?? []).map((san) => {
    if (san.type === "DNS" && san.kind === "exact") {
      return { type: "DNS", oid: "", matches: (value) => coversName(value, san.value) };
    }
    const matcher = new StringMatcher(san);
    return { type: san.type, oid: san.oid, matches: (value) => matcher.matches(value) };
  });
}
