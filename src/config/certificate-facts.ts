import { X509Certificate } from "node:crypto";
import { type AlternativeName, alternativeNames } from "../net/tls/alternative-names.ts";
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
}

/** The certificates of one TLS context. */
export interface ContextCertificates {
  authorities: CertificateFacts[];
  /** Our own, each by its leaf. */
  leaves: CertificateFacts[];
}

export function certificatesOf(spec: DownstreamTlsSpec | UpstreamTlsSpec): ContextCertificates {
  const { validation } = spec;
  return {
    authorities:
      validation === null
        ? []
        : pemBlocks(validation.ca).map((pem) => factsOf(pem, validation.caName, validation.caPath)),
    leaves: spec.certificates.map(({ chain, name, path }) => factsOf(chain, name, path)),
  };
}

function factsOf(pem: string, name: string, path: string): CertificateFacts {
  const certificate = new X509Certificate(pem);
  return {
    name,
    path,
    serialNumber: certificate.serialNumber.toLowerCase(),
    alternativeNames: alternativeNames(certificate),
    validFrom: certificate.validFromDate,
    validTo: certificate.validToDate,
  };
}

function pemBlocks(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
}
