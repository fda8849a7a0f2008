import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { isOnlyExpired } from "./expired-chain.ts";
import type { TlsValidationSpec } from "./spec.ts";

/**
 * What is wrong with the chain of a peer's certificate, in the words of Envoy and BoringSSL; "" when it leads to a trusted authority. Node has
 * OpenSSL go on behind a fault, and tells the last one only.
 */
export function chainFault(socket: TLSSocket, certificate: X509Certificate, spec: TlsValidationSpec): string {
  // What tls.Server makes `authorized` of.
  const { _handle, _tlsOptions } = socket as unknown as Inside;
  const error = _handle?.verifyError() ?? null;
  if (error === null) return "";
  const code = error.code ?? "";
  if (code === "CERT_HAS_EXPIRED" && spec.allowExpired) {
    if (isOnlyExpired(certificate, spec, _tlsOptions.isServer)) return "";
    return faultAt(0, noIssuer);
  }
  const chain = chainOf(certificate);
  return faultAt(depthOf(code, chain), texts[code] ?? error.message);
}

interface Inside {
  _handle: { verifyError(): NodeJS.ErrnoException | null } | null;
  _tlsOptions: { isServer: boolean };
}

/** Envoy: Utility::getX509VerificationErrorInfo. */
export function faultAt(depth: number, text: string): string {
  return `X509_verify_cert: certificate verification error at depth ${depth}: ${text}`;
}

/** A certificate and its issuers as far as they are known, the leaf first. */
export function chainOf(leaf: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let next = leaf; next !== undefined; next = next.issuerCertificate) chain.push(next);
  return chain;
}

/** BoringSSL goes from the authority to the leaf, and stops at the first fault. */
function depthOf(code: string, chain: readonly X509Certificate[]): number {
  const now = Date.now();
  if (code === "CERT_HAS_EXPIRED")
    return Math.max(
      0,
      chain.findLastIndex(({ validToDate }) => +validToDate < now),
    );
  if (code === "CERT_NOT_YET_VALID")
    return Math.max(
      0,
      chain.findLastIndex(({ validFromDate }) => +validFromDate > now),
    );
  return code.startsWith("UNABLE_TO_") || code === "SELF_SIGNED_CERT_IN_CHAIN" ? Math.max(0, chain.length - 1) : 0;
}

export const noIssuer = "unable to get local issuer certificate";
/** BoringSSL's words where OpenSSL's are others, or where OpenSSL found another fault behind the first. */
const texts: Record<string, string> = {
  CERT_REVOKED: "certificate revocation check against provided CRLs failed: certificate revoked",
  DEPTH_ZERO_SELF_SIGNED_CERT: "self signed certificate",
  INVALID_PURPOSE: "unsupported certificate purpose",
  SELF_SIGNED_CERT_IN_CHAIN: "self signed certificate in certificate chain",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: noIssuer,
};
