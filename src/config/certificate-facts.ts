import { X509Certificate } from "node:crypto";
import { type AlternativeName, alternativeNames } from "../net/tls/alternative-names.ts";
import { readOcspResponse } from "../net/tls/ocsp.ts";
import type { DownstreamTlsSpec, UpstreamTlsSpec } from "../net/tls/spec.ts";

/** A certificate in use, as operators ask of it. */
export interface CertificateFacts {
  /** In the stats: that of its secret, else Envoy's for one without a name. */
  name: string;
  /** The file; "<inline>" where it came otherwise. */
  path: string;
  /** Lower-case hex. */
  serialNumber: string;
  alternativeNames: AlternativeName[];
  validFrom: Date;
  validTo: Date;
  /** Of the OCSP response that a server staples; null without one. `validTo` is now where it has no end. */
  ocsp: { validFrom: Date; validTo: Date } | null;
}

/** The certificates of one TLS context. */
export interface ContextCertificates {
  authorities: CertificateFacts[];
  /** Our own, each by its leaf. */
  leaves: CertificateFacts[];
}

export function certificatesOf(spec: DownstreamTlsSpec | UpstreamTlsSpec): ContextCertificates {
  const { validation } = spec;
  const isServer = "ocspStaplePolicy" in spec;
  return {
    authorities:
      validation === null
        ? []
        : pemBlocks(validation.ca).map((pem) => factsOf(pem, validation.caName, validation.caPath, "")),
    leaves: spec.certificates.map(({ chain, name, path, ocspResponse }) =>
      factsOf(chain, name, path, isServer ? ocspResponse : ""),
    ),
  };
}

function factsOf(pem: string, name: string, path: string, ocspResponse: string): CertificateFacts {
  const certificate = new X509Certificate(pem);
  return {
    name,
    path,
    serialNumber: certificate.serialNumber.toLowerCase(),
    alternativeNames: alternativeNames(certificate),
    validFrom: certificate.validFromDate,
    validTo: certificate.validToDate,
    ocsp: ocspFacts(Buffer.from(ocspResponse, "base64")),
  };
}

function ocspFacts(bytes: Buffer): CertificateFacts["ocsp"] {
  const response = bytes.length === 0 ? "" : readOcspResponse(bytes);
  if (typeof response === "string") return null;
  return { validFrom: new Date(response.thisUpdateMs), validTo: new Date(response.nextUpdateMs ?? Date.now()) };
}

function pemBlocks(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}
