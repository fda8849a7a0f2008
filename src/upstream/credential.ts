import type { RequestHead } from "../http/header-block.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";

/** What the credential injector of a cluster adds. Envoy: CredentialInjector with the generic credential. */
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

/** False: there is no secret, and a request may not go without. */
export function addCredential(spec: CredentialSpec, head: RequestHead): boolean {
  if (!spec.overwrites && head.find(spec.header) !== null) return true;
  const { spec: secret } = spec.secret;
  if (secret === null || secret === "") return spec.allowsNone;
  head.set(spec.header, spec.prefix + secret);
  return true;
}
