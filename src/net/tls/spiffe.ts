import type { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { alternativeNames } from "./alternative-names.ts";
import { chainFault, chainOf, faultAt, noIssuer } from "./chain-fault.ts";
import { DerTag, derValues, extensionOf } from "./der.ts";
import type { SpiffeDomainSpec, TlsValidationSpec } from "./spec.ts";

/**
 * Why a peer is not of the trust domain that its SPIFFE id names, in Envoy's words; "" when it is. The id is its first URI
 * (SPIFFE X509-SVID section 2). Envoy: SPIFFEValidator.
 */
export function spiffeFault(
  socket: TLSSocket,
  certificate: X509Certificate,
  domains: readonly SpiffeDomainSpec[],
  spec: TlsValidationSpec,
): string {
  if (certificate.ca || !isUsedAsLeaf(certificate.raw)) return "cert precheck";
  const id = alternativeNames(certificate).find(({ type }) => type === "URI")?.value ?? "";
  const name = /^spiffe:\/\/([^/]+)\//.exec(id)?.[1];
  const domain = domains.find((one) => one.name === name);
  if (domain === undefined) return "no trust bundle store";
  const chain = chainFault(socket, certificate, spec);
  if (chain !== "") return chain;
  return leadsTo(socket, domain) ? "" : faultAt(chainOf(certificate).length - 1, noIssuer);
}

function leadsTo(socket: TLSSocket, { authorities }: SpiffeDomainSpec): boolean {
  const seen = new Set<string>();
  let next = socket.getPeerCertificate(true) as DetailedPeerCertificate | undefined;
  // A root is its own issuer.
  while (next?.fingerprint256 !== undefined && !seen.has(next.fingerprint256)) {
    if (authorities.includes(next.fingerprint256)) return true;
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
