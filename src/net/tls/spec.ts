import type { KeyLogSpec } from "./key-log.ts";

/** A certificate with its private key, both as PEM. */
export interface TlsCertificateSpec {
  chain: string;
  key: string;
  /** PKCS #12 in base64, in the place of both; "" for none. */
  pkcs12: string;
  /** Of the key, or of the PKCS #12; "" for none. */
  password: string;
  /** DNS names of the leaf, lower-case: SANs, else the common name. Wildcards as they stand ("*.a.example"). */
  names: string[];
  /** Of its secret; else Envoy's for one without a name. For stats. */
  name: string;
  /** The file of the chain, else "<inline>". */
  path: string;
  /** OCSP response in base64; "" for none. */
  ocspResponse: string;
  /** It says that clients must get one (RFC 7633). */
  isMustStaple: boolean;
  isEcdsa: boolean;
}

/** When an OCSP response is stapled, and what without a valid one. Envoy: OcspStaplePolicy. */
export type OcspStaplePolicy = "LENIENT" | "STRICT" | "MUST";

/** What is asked of a peer's certificate (Envoy: CertificateValidationContext). */
export interface TlsValidationSpec {
  /** PEM of the trusted authorities; "" trusts nobody and verifies no chain. */
  ca: string;
  /** As name and path of a TlsCertificateSpec. */
  caName: string;
  caPath: string;
  /** PEM; "" for none. */
  crl: string;
  /** SHA-256 of the public key, base64. */
  spki: string[];
  /** SHA-256 of the certificate, lower-case hex without colons. */
  hashes: string[];
  sans: SanMatcherSpec[];
  /** The SPIFFE validator's trust domains, whose bundles are in `ca`; null for the default validator. */
  spiffe: SpiffeDomainSpec[] | null;
  allowExpired: boolean;
  /** trust_chain_verification: ACCEPT_UNTRUSTED. */
  acceptUntrusted: boolean;
}

/** A SPIFFE trust domain. */
export interface SpiffeDomainSpec {
  name: string;
  /** SHA-256 fingerprints of its bundle, upper-case hex with colons. */
  authorities: string[];
}

/** One SubjectAltNameMatcher; the text is that of the certificate. */
export interface SanMatcherSpec {
  type: "DNS" | "URI" | "EMAIL" | "IP_ADDRESS" | "OTHER_NAME";
  /** Of an OTHER_NAME, in numbers with dots; "" of the others. */
  oid: string;
  kind: "exact" | "prefix" | "suffix" | "contains" | "regex";
  value: string;
  ignoreCase: boolean;
}

export interface TlsParamsSpec {
  minVersion: TlsVersion;
  maxVersion: TlsVersion;
  /** Of TLS 1.2 and older, in OpenSSL's form. */
  ciphers: string;
  curves: string;
  /** "" leaves them to the library. */
  signatureAlgorithms: string;
}

export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

/** Envoy: DownstreamTlsContext. */
export interface DownstreamTlsSpec {
  certificates: TlsCertificateSpec[];
  params: TlsParamsSpec;
  alpn: string[];
  validation: TlsValidationSpec | null;
  keyLog: KeyLogSpec | null;
  requireClientCertificate: boolean;
  ocspStaplePolicy: OcspStaplePolicy;
  /** 48 bytes that all workers share, base64: a session of one is resumed by another. null: no tickets. */
  ticketKey: string | null;
  /** Keys that open tickets, which are then made anew; as ticketKey. */
  olderTicketKeys: string[];
  /** Of a session, in seconds. */
  sessionTimeoutS: number;
}

/** Envoy: UpstreamTlsContext. */
export interface UpstreamTlsSpec {
  certificates: TlsCertificateSpec[];
  params: TlsParamsSpec;
  alpn: string[];
  validation: TlsValidationSpec | null;
  keyLog: KeyLogSpec | null;
  /** "" sends none. */
  sni: string;
  autoHostSni: boolean;
  autoSanValidation: boolean;
  /** Sessions kept for resumption. */
  maxSessionKeys: number;
}
