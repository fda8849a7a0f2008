import { X509Certificate } from "node:crypto";
import { DerTag, derChildren, derValues, extensionOf } from "./der.ts";
import type { TlsValidationSpec } from "./spec.ts";

/**
 * Whether nothing is wrong with an expired certificate but that. OpenSSL goes on behind each fault, and tells of the last: that it is expired
 * hides that nobody knows its issuer, or that its signature is none. What cannot be looked at here (a CRL, name constraints) is a fault.
 */
export function isOnlyExpired(leaf: X509Certificate, { ca, crl }: TlsValidationSpec, isClient: boolean): boolean {
  if (crl !== "" || !isUsedFor(leaf, isClient ? clientAuth : serverAuth)) return false;
  const authorities = readAuthorities(ca);
  const now = new Date();
  let next = leaf;
  // Those between the leaf and the present one.
  for (let between = 0; between < longestChain; between++) {
    if (next.validFromDate > now) return false;
    if (authorities.some((one) => one.raw.equals(next.raw) || isIssuer(one, next, between))) return true;
    const issuer = next.issuerCertificate;
    if (issuer === undefined || !isIssuer(issuer, next, between)) return false;
    next = issuer;
  }
  return false;
}

/** RFC 5280 section 6.1. */
function isIssuer(issuer: X509Certificate, of: X509Certificate, between: number): boolean {
  if (!issuer.ca || !of.checkIssued(issuer) || !of.verify(issuer.publicKey)) return false;
  return extensionOf(issuer.raw, nameConstraints) === null && between <= pathLengthOf(issuer);
}

/** Infinity without a limit. */
function pathLengthOf(authority: X509Certificate): number {
  const constraints = derValues(extensionOf(authority.raw, basicConstraints) ?? Buffer.alloc(0))?.[0];
  const limit = derChildren(constraints, DerTag.sequence)?.find(({ tag }) => tag === DerTag.integer)?.content;
  return limit === undefined ? Number.POSITIVE_INFINITY : limit.readUIntBE(0, Math.min(limit.length, 6));
}

function isUsedFor({ keyUsage }: X509Certificate, usage: string): boolean {
  return keyUsage === undefined || keyUsage.includes(usage) || keyUsage.includes(anyUsage);
}

function readAuthorities(pem: string): X509Certificate[] {
  const blocks = pem.match(
    /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g,
  );
  return (blocks ?? []).map((block) => new X509Certificate(block));
}

/** 2.5.29.30 and 2.5.29.19 in DER. */
const nameConstraints = "551d1e";
const basicConstraints = "551d13";
/** id-kp-clientAuth, id-kp-serverAuth and anyExtendedKeyUsage. */
const clientAuth = "1.3.6.1.5.5.7.3.2";
const serverAuth = "1.3.6.1.5.5.7.3.1";
const anyUsage = "2.5.29.37.0";
/** OpenSSL's, as Node has it. */
const longestChain = 100;
