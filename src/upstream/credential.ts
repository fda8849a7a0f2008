import type { RequestHead } from "../http/header-block.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import type { StatsSlab } from "../observability/stats.ts";

/** What a credential injector adds. Envoy: CredentialInjector with the generic credential. */
export interface CredentialSpec {
  /** Lower-case. */
  header: string;
  prefix: string;
  /** A request that has the header gets it all the same. */
  overwrites: boolean;
  /** Requests go without it while the secret has not come. */
  allowsNone: boolean;
  /** Wire text, put in as it is. Updates come by its id. */
  secret: TlsContextSpec<string>;
}

/** What became of a request. Names of Envoy's counters. */
export type CredentialResult = "injected" | "failed" | "already_exists";

/** Slots of an injector's counters. */
export function credentialCounters(slab: StatsSlab, prefix: string): Record<CredentialResult, number> {
  const counter = (name: CredentialResult): number => slab.counter(`${prefix}credential_injector.${name}`);
  return { injected: counter("injected"), failed: counter("failed"), already_exists: counter("already_exists") };
}

/** `secret`: as it is now; null where none has come. */
export function addCredential(spec: CredentialSpec, secret: string | null, head: RequestHead): CredentialResult {
  if (!spec.overwrites && head.find(spec.header) !== null) return "already_exists";
  if (secret === null || secret === "") return "failed";
  head.set(spec.header, spec.prefix + secret);
  return "injected";
}
