import type { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { alternativeNames } from "./alternative-names.ts";
import { DerTag, derValues, extensionOf } from "./der.ts";
import type { SpiffeDomainSpec } from "./spec.ts";

/**
 * Whether a peer whose chain leads to some bundle is of the trust domain that its SPIFFE id names. The id is its first URI
 * (SPIFFE X509-SVID section 2). Envoy: SPIFFEValidator.
 */
export function isOfItsTrustDomain(
  socket: TLSSocket,
  certificate: X509Certificate,
  domains: readonly SpiffeDomainSpec[],
): boolean {
  const id = alternativeNames(certificate).find(({ type }) => type === "URI")?.value ?? "";
  const name = /^spiffe:\/\/([^/]+)\//.exec(id)?.[1];
  const domain = domains.find((one) => one.name === name);
  if (domain === undefined || certificate.ca || !isUsedAsLeaf(certificate.raw)) return false;
  const seen = new Set<string>();
  let next = socket.getPeerCertificate(true) as DetailedPeerCertificate | undefined;
  // A root is its own issuer.
  while (next?.fingerprint256 !== undefined && !seen.has(next.fingerprint256)) {
    if (domain.authorities.includes(next.fingerprint256)) return true;
    seen.add(next.fingerprint256);
    next = next.issuerCertificate;
  }
  return false;
}

/** X509-SVID section 4.3: a key usage must be there, and not that of an authority. Node does not tell it (RFC 5280 section 4.2.1.3). */
function isUsedAsLeaf(certificate: Buffer): boolean {
  const usage = derValues(extensionOf(certificate, keyUsage) ?? Buffer.alloc(0))?.[0];
  if (usage?.tag !== DerTag.bitString || usage.content.length < 2) return false;
  return ((usage.content[1] as number) & (keyCertSign | crlSign)) === 0;
}

/** 2.5.29.15 in DER. */
const keyUsage = "551d0f";
const keyCertSign = 0x04;
const crlSign = 0x02;
