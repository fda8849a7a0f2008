import { X509Certificate } from "node:crypto";
import { checkCoverage } from "../../proto/coverage.ts";
import {
  type CertificateValidationContext,
  CertificateValidationContext_TrustChainVerification,
  CertificateValidationContextSchema,
  type SubjectAltNameMatcher,
  SubjectAltNameMatcher_SanType,
} from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import type { StringMatcher } from "../../proto/generated/envoy/type/matcher/v3/string_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { pathOf, readBytes } from "./data-source.ts";
import { parseCustomValidator } from "./parse-spiffe.ts";
import type { SanMatcherSpec, TlsValidationSpec } from "./spec.ts";

/** CertificateValidationContext to its Spec; `name` is that of its secret. */
export function parseValidation(
  message: CertificateValidationContext,
  problems: Problems,
  name = unnamedAuthority,
): TlsValidationSpec {
  checkCoverage(CertificateValidationContextSchema, message, problems, {
    honoured: [
      "trusted_ca",
      "verify_certificate_spki",
      "verify_certificate_hash",
      "match_typed_subject_alt_names",
      "match_subject_alt_names",
      "crl",
      "allow_expired_certificate",
      "trust_chain_verification",
      "custom_validator_config",
    ],
    harmless: ["watched_directory", "suppress_client_ca_list"],
  });
  const spiffe =
    message.customValidatorConfig === undefined
      ? null
      : parseCustomValidator(message.customValidatorConfig, problems.at("custom_validator_config"));
  const ca = spiffe === null ? parseAuthorities(message, problems) : Buffer.from(spiffe.ca);
  const crl = message.crl === undefined ? null : readBytes(message.crl, problems, "crl");
  const sans = message.matchTypedSubjectAltNames.map((matcher, i) =>
    parseSan(matcher, problems.at(`match_typed_subject_alt_names[${i}]`)),
  );
  // The older field means any type.
  for (const [i, matcher] of message.matchSubjectAltNames.entries()) {
    const text = parseString(matcher, problems.at(`match_subject_alt_names[${i}]`));
    if (text !== null)
      for (const type of ["DNS", "URI", "EMAIL", "IP_ADDRESS"] as const) sans.push({ type, oid: "", ...text });
  }
  if (sans.length > 0 && ca === null) {
    problems.error("match_typed_subject_alt_names", "means nothing without trusted_ca", {
      envoyText: "SAN-based verification of peer certificates without trusted CA is insecure and not allowed",
    });
  }
  return {
    ca: ca?.toString() ?? "",
    caName: name,
    caPath: pathOf(message.trustedCa),
    crl: crl?.toString() ?? "",
    spki: [...message.verifyCertificateSpki],
    hashes: message.verifyCertificateHash.map((hash) => hash.replaceAll(":", "").toLowerCase()),
    spiffe: spiffe?.domains ?? null,
    sans: sans.filter((san) => san !== null),
    allowExpired: message.allowExpiredCertificate,
    acceptUntrusted:
      message.trustChainVerification === CertificateValidationContext_TrustChainVerification.ACCEPT_UNTRUSTED,
  };
}

/** trusted_ca, read; null for none and after telling a fault. */
export function parseAuthorities(message: CertificateValidationContext, problems: Problems): Buffer | null {
  const ca = message.trustedCa === undefined ? null : readBytes(message.trustedCa, problems, "trusted_ca");
  if (ca === null) return null;
  try {
    new X509Certificate(ca);
  } catch (error) {
    problems.error("trusted_ca", `holds no certificate in PEM: ${error instanceof Error ? error.message : error}`, {
      envoyText: "Failed to load trusted CA certificates from <inline>",
    });
  }
  return ca;
}

function parseSan(message: SubjectAltNameMatcher, problems: Problems): SanMatcherSpec | null {
  const type = sanTypes[message.sanType];
  if (type === undefined) {
    problems.error("san_type", "must say which kind of name it is");
    return null;
  }
  if (type === "OTHER_NAME" && !isOid(message.oid)) {
    problems.error("oid", `"${message.oid}" is no object identifier in numbers with dots`, {
      envoyText: `Failed to create SAN matcher for OTHER_NAME with OID: ${message.oid}`,
    });
  }
  const text = parseString(message.matcher, problems.at("matcher"));
  return text === null ? null : { type, oid: type === "OTHER_NAME" ? message.oid : "", ...text };
}

function isOid(text: string): boolean {
  const [, root, second] = /^([0-2])\.(0|[1-9]\d*)(\.(0|[1-9]\d*))*$/.exec(text) ?? [];
  return root !== undefined && (root === "2" || Number(second) < 40);
}

function parseString(
  message: StringMatcher | undefined,
  problems: Problems,
): Omit<SanMatcherSpec, "type" | "oid"> | null {
  const pattern = message?.matchPattern;
  const ignoreCase = message?.ignoreCase ?? false;
  switch (pattern?.case) {
    case "exact":
    case "prefix":
    case "suffix":
    case "contains":
      return { kind: pattern.case, value: pattern.value, ignoreCase };
    case "safeRegex":
      return { kind: "regex", value: pattern.value.regex, ignoreCase };
    default:
      problems.error("", "has no pattern that is implemented in Nuncio");
      return null;
  }
}

/** As for certificates without a name. */
const unnamedAuthority = "unnamed_ca_cert_e3b0c442";
const sanTypes: Record<number, SanMatcherSpec["type"]> = {
  [SubjectAltNameMatcher_SanType.DNS]: "DNS",
  [SubjectAltNameMatcher_SanType.URI]: "URI",
  [SubjectAltNameMatcher_SanType.EMAIL]: "EMAIL",
  [SubjectAltNameMatcher_SanType.IP_ADDRESS]: "IP_ADDRESS",
  [SubjectAltNameMatcher_SanType.OTHER_NAME]: "OTHER_NAME",
};
