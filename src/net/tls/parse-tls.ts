import { randomBytes } from "node:crypto";
import { checkCoverage } from "../../proto/coverage.ts";
import { durationMsOr } from "../../proto/duration.ts";
import {
  type TlsParameters,
  TlsParameters_TlsProtocol,
  TlsParametersSchema,
} from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import {
  type CommonTlsContext,
  CommonTlsContextSchema,
  type DownstreamTlsContext,
  DownstreamTlsContextSchema,
  type UpstreamTlsContext,
  UpstreamTlsContextSchema,
} from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { readBytes } from "./data-source.ts";
import { parseCertificates } from "./parse-certificate.ts";
import { parseValidation } from "./parse-validation.ts";
import type { DownstreamTlsSpec, TlsParamsSpec, TlsVersion, UpstreamTlsSpec } from "./spec.ts";

/** DownstreamTlsContext to its Spec. Faults are in `problems`; the Spec is worth nothing then. */
export function parseDownstreamTls(message: DownstreamTlsContext, problems: Problems): DownstreamTlsSpec {
  checkCoverage(DownstreamTlsContextSchema, message, problems, {
    honoured: [
      "common_tls_context",
      "require_client_certificate",
      "require_sni",
      "session_ticket_keys",
      "disable_stateless_session_resumption",
      "session_timeout",
    ],
    harmless: [
      "disable_stateful_session_resumption",
      "ocsp_staple_policy",
      "full_scan_certs_on_sni_mismatch",
      "prefer_client_ciphers",
    ],
  });
  const common = parseCommon(message.commonTlsContext, problems.at("common_tls_context"), "TLSv1.3");
  if (common.certificates.length === 0) {
    problems.error("common_tls_context", "has no certificate: a server needs one", {
      envoyText: "No TLS certificates found for server context",
    });
  }
  const validation = common.validation;
  if (message.requireClientCertificate === true && validation === null) {
    problems.warning("require_client_certificate", "asks for a certificate that no validation_context looks at");
  }
  return {
    ...common,
    requireClientCertificate: message.requireClientCertificate ?? false,
    requireSni: message.requireSni ?? false,
    ticketKey: ticketKey(message, problems),
    sessionTimeoutS: Math.floor(durationMsOr(message.sessionTimeout, 7_200_000) / 1000),
  } as DownstreamTlsSpec;
}

/** UpstreamTlsContext to its Spec. */
export function parseUpstreamTls(message: UpstreamTlsContext, problems: Problems): UpstreamTlsSpec {
  checkCoverage(UpstreamTlsContextSchema, message, problems, {
    honoured: ["common_tls_context", "sni", "auto_host_sni", "auto_sni_san_validation", "max_session_keys"],
    harmless: ["allow_renegotiation", "enforce_rsa_key_usage"],
  });
  const common = parseCommon(message.commonTlsContext, problems.at("common_tls_context"), "TLSv1.2");
  if (common.certificates.length > 1) {
    problems.error("common_tls_context.tls_certificates", "holds more than one: a client shows one", {
      envoyText: "Multiple TLS certificates are not supported for client contexts",
    });
  }
  return {
    ...common,
    sni: message.sni,
    autoHostSni: message.autoHostSni,
    autoSanValidation: message.autoSniSanValidation,
    maxSessionKeys: message.maxSessionKeys ?? 1,
  };
}

function parseCommon(
  message: CommonTlsContext | undefined,
  problems: Problems,
  defaultMaximum: TlsVersion,
): Pick<UpstreamTlsSpec, "certificates" | "params" | "alpn" | "validation"> {
  if (message !== undefined) {
    checkCoverage(CommonTlsContextSchema, message, problems, {
      honoured: ["tls_params", "tls_certificates", "validation_context", "alpn_protocols"],
      harmless: ["key_log"],
    });
  }
  const validation = message?.validationContextType;
  return {
    params: parseParams(message?.tlsParams, problems.at("tls_params"), defaultMaximum),
    certificates: parseCertificates(message?.tlsCertificates ?? [], problems),
    alpn: [...(message?.alpnProtocols ?? [])],
    validation:
      validation?.case === "validationContext"
        ? parseValidation(validation.value, problems.at("validation_context"))
        : null,
  };
}

function parseParams(
  message: TlsParameters | undefined,
  problems: Problems,
  defaultMaximum: TlsVersion,
): TlsParamsSpec {
  if (message !== undefined) {
    checkCoverage(TlsParametersSchema, message, problems, {
      honoured: [
        "tls_minimum_protocol_version",
        "tls_maximum_protocol_version",
        "cipher_suites",
        "ecdh_curves",
        "signature_algorithms",
      ],
      harmless: [],
    });
  }
  const ciphers = (message?.cipherSuites ?? []).flatMap((suite) => suite.replace(/[[\]]/g, "").split("|"));
  for (const [i, suite] of ciphers.entries()) {
    if (!/^[-!A-Z0-9+@=_]+$/i.test(suite)) {
      problems.error(`cipher_suites[${i}]`, `"${suite}" is no cipher suite`, {
        envoyText: `Failed to initialize cipher suites ${ciphers.join(":")}. The following ciphers were rejected when tried individually: ${suite}`,
      });
    }
  }
  const curves = message?.ecdhCurves ?? [];
  for (const [i, curve] of curves.entries()) {
    if (!knownCurves.has(curve)) {
      problems.error(`ecdh_curves[${i}]`, `"${curve}" is no curve that is known here: ${[...knownCurves].join(", ")}`, {
        envoyText: `Failed to initialize ECDH curves ${curves.join(":")}`,
      });
    }
  }
  return {
    minVersion: versions[message?.tlsMinimumProtocolVersion ?? 0] ?? "TLSv1.2",
    maxVersion: versions[message?.tlsMaximumProtocolVersion ?? 0] ?? defaultMaximum,
    ciphers: ciphers.length === 0 ? defaultCiphers : ciphers.join(":"),
    curves: (curves.length === 0 ? defaultCurves : curves).join(":"),
    signatureAlgorithms: (message?.signatureAlgorithms ?? []).join(":"),
  };
}

/** null: no tickets. Without configured keys they are made here, for all workers. */
function ticketKey(message: DownstreamTlsContext, problems: Problems): string | null {
  const type = message.sessionTicketKeysType;
  if (type.case === "disableStatelessSessionResumption" && type.value) return null;
  if (type.case !== "sessionTicketKeys") return randomBytes(48).toString("base64");
  const scope = problems.at("session_ticket_keys");
  const keys = type.value.keys.map((source, i) => readBytes(source, scope, `keys[${i}]`));
  for (const [i, key] of keys.entries()) {
    if (key !== null && key.length !== 80)
      scope.error(`keys[${i}]`, `has ${key.length} bytes; a ticket key has 80`, {
        envoyText: `Incorrect TLS session ticket key length. Length ${key.length}, expected length 80.`,
      });
  }
  if (keys.length > 1) scope.warning("keys", "the first is used; tickets of the others are not resumed");
  // OpenSSL's key has a name of 16 bytes, 16 for HMAC and 16 for AES.
  return (keys[0] ?? randomBytes(48)).subarray(0, 48).toString("base64");
}

const versions: Record<number, TlsVersion> = {
  [TlsParameters_TlsProtocol.TLSv1_0]: "TLSv1",
  [TlsParameters_TlsProtocol.TLSv1_1]: "TLSv1.1",
  [TlsParameters_TlsProtocol.TLSv1_2]: "TLSv1.2",
  [TlsParameters_TlsProtocol.TLSv1_3]: "TLSv1.3",
};
/** Envoy's, without what only BoringSSL has. */
const defaultCiphers = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
].join(":");
const defaultCurves = ["X25519", "P-256"];
const knownCurves = new Set(["X25519", "P-256", "P-384", "P-521", "X25519MLKEM768"]);
