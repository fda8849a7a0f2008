import { createHash, type X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { type AlternativeName, alternativeNames } from "./alternative-names.ts";
import type { SanMatcherSpec, TlsValidationSpec } from "./spec.ts";
import { isOfItsTrustDomain } from "./spiffe.ts";

/** Why a peer's certificate is not accepted; Envoy counts each kind on its own. */
export type PeerFault = "fail_verify_no_cert" | "fail_verify_error" | "fail_verify_san" | "fail_verify_cert_hash";

/** Decides on one value of a SAN. */
export interface SanMatcher {
  readonly type: SanMatcherSpec["type"];
  /** As in SanMatcherSpec. */
  readonly oid: string;
  matches(value: string): boolean;
}

/**
 * What Envoy's default validator and its SPIFFE validator ask of the peer with this certificate. null when it is accepted.
 */
export function verifyPeer(
  socket: TLSSocket,
  certificate: X509Certificate | undefined,
  spec: TlsValidationSpec,
  sans: readonly SanMatcher[],
  isRequired: boolean,
): PeerFault | null {
  if (certificate === undefined) return isRequired ? "fail_verify_no_cert" : null;
  const verdict = chainError(socket);
  if (spec.ca !== "" && verdict !== "" && !(spec.allowExpired && verdict === "CERT_HAS_EXPIRED")) {
    return "fail_verify_error";
  }
  if (spec.spiffe !== null && !isOfItsTrustDomain(socket, certificate, spec.spiffe)) return "fail_verify_error";
  if (sans.length > 0) {
    const names = alternativeNames(certificate);
    const isKnown = names.some((name) => sans.some((san) => isOf(san, name) && san.matches(name.value)));
    if (!isKnown) return "fail_verify_san";
  }
  if (spec.hashes.length > 0 || spec.spki.length > 0) {
    const hash = createHash("sha256").update(certificate.raw).digest("hex");
    const spki = createHash("sha256")
      .update(certificate.publicKey.export({ type: "spki", format: "der" }))
      .digest("base64");
    if (!spec.hashes.includes(hash) && !spec.spki.includes(spki)) return "fail_verify_cert_hash";
  }
  return null;
}

function isOf(san: SanMatcher, { type, oid }: AlternativeName): boolean {
  return san.type === type && san.oid === oid;
}

/** Whether a peer with this fault is served all the same: Envoy's ACCEPT_UNTRUSTED is for chains, names and hashes, and they are counted. */
export function isSuffered(fault: PeerFault, spec: TlsValidationSpec | null): boolean {
  return spec?.acceptUntrusted === true && fault !== "fail_verify_no_cert";
}

/** Whether a certificate is looked at: as in Envoy, one that is not is no identity, in no header and no log. */
export function isVerifying(spec: TlsValidationSpec | null): boolean {
  return spec !== null && (spec.ca !== "" || spec.hashes.length > 0 || spec.spki.length > 0 || spec.spiffe !== null);
}

/** OpenSSL's verdict on the peer's chain by its code ("CERT_HAS_EXPIRED"); "" when it is trusted. */
function chainError(socket: TLSSocket): string {
  // What tls.Server makes `authorized` of.
  const handle = (socket as unknown as { _handle: { verifyError(): NodeJS.ErrnoException | null } | null })._handle;
  return handle?.verifyError()?.code ?? "";
}
