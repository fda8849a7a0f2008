import { randomBytes } from "node:crypto";
import { clone, create, merge } from "@bufbuild/protobuf";
import { checkCoverage } from "../../proto/coverage.ts";
import { durationMsOr } from "../../proto/duration.ts";
import {
  CertificateValidationContextSchema,
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
import { canAcceptTls } from "./accepted-tls.ts";
import type { Secrets } from "./contexts.ts";
import { parseKeyLog } from "./key-log.ts";
import { parseCertificates } from "./parse-certificate.ts";
import { readTicketKeys } from "./parse-secret.ts";
import { checkStaples, parseStaplePolicy } from "./parse-staples.ts";
import { parseValidation } from "./parse-validation.ts";
import type {
  DownstreamTlsSpec,
  TlsCertificateSpec,
  TlsParamsSpec,
  TlsValidationSpec,
  TlsVersion,
  UpstreamTlsSpec,
} from "./spec.ts";

/** DownstreamTlsContext to its Spec; null while a secret has not come. Faults are in `problems`; the Spec is worth nothing then. */
export function parseDownstreamTls(
  message: DownstreamTlsContext,
  secrets: Secrets,
  problems: Problems,
): DownstreamTlsSpec | null {
  checkCoverage(DownstreamTlsContextSchema, message, problems, {
    honoured: [
      "common_tls_context",
      "require_client_certificate",
      "require_sni",
      "session_ticket_keys",
      "session_ticket_keys_sds_secret_config",
      "disable_stateless_session_resumption",
      "session_timeout",
      "ocsp_staple_policy",
    ],
    harmless: ["disable_stateful_session_resumption", "full_scan_certs_on_sni_mismatch", "prefer_client_ciphers"],
  });
  if (!canAcceptTls) {
    const node = `Node ${process.version} does not give the bindings that a listener's TLS needs`;
    problems.error("", `${node}. Node 26 does, without its flag --permission`);
  }
  const common = parseCommon(message.commonTlsContext, secrets, problems.at("common_tls_context"), "TLSv1.3");
  const ticketKeys = parseTicketKeys(message, secrets, problems);
  if (common === null || ticketKeys === undefined) return null;
  if (common.certificates.length === 0) {
    problems.error("common_tls_context", "has no certificate: a server needs one", {
      envoyText: "No TLS certificates found for server context",
    });
  }
  const ocspStaplePolicy = parseStaplePolicy(message.ocspStaplePolicy);
  checkStaples(common.certificates, ocspStaplePolicy, problems.at("common_tls_context"));
  if (message.requireSni === true) {
    const words =
      "is not enforced: it is not implemented in Envoy either, and clients without a server name are served";
    problems.warning("require_sni", `${words}. A filter_chain_match by server_names refuses them`);
  }
  const validation = common.validation;
  if (message.requireClientCertificate === true && validation === null) {
    problems.warning("require_client_certificate", "asks for a certificate that no validation_context looks at");
  }
  return {
    ...common,
    // Envoy's SPIFFE validator takes nobody without one.
    requireClientCertificate: (message.requireClientCertificate ?? false) || validation?.spiffe != null,
    ocspStaplePolicy,
    ticketKey: ticketKeys[0] ?? null,
    olderTicketKeys: ticketKeys.slice(1),
    sessionTimeoutS: Math.floor(durationMsOr(message.sessionTimeout, 7_200_000) / 1000),
  };
}

/** UpstreamTlsContext to its Spec; null while a secret has not come. */
export function parseUpstreamTls(
  message: UpstreamTlsContext,
  secrets: Secrets,
  problems: Problems,
): UpstreamTlsSpec | null {
  checkCoverage(UpstreamTlsContextSchema, message, problems, {
    honoured: ["common_tls_context", "sni", "auto_host_sni", "auto_sni_san_validation", "max_session_keys"],
    harmless: ["allow_renegotiation", "enforce_rsa_key_usage"],
  });
  const common = parseCommon(message.commonTlsContext, secrets, problems.at("common_tls_context"), "TLSv1.2");
  if (common === null) return null;
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

/** What both sides have; null while a secret has not come. */
type CommonTls = Pick<UpstreamTlsSpec, "certificates" | "params" | "alpn" | "validation" | "keyLog">;

function parseCommon(
  message: CommonTlsContext | undefined,
  secrets: Secrets,
  problems: Problems,
  defaultMaximum: TlsVersion,
): CommonTls | null {
  if (message !== undefined) {
    checkCoverage(CommonTlsContextSchema, message, problems, {
      honoured: [
        "tls_params",
        "tls_certificates",
        "tls_certificate_sds_secret_configs",
        "validation_context",
        "validation_context_sds_secret_config",
        "combined_validation_context",
        "alpn_protocols",
        "key_log",
      ],
      harmless: [],
    });
  }
  const params = parseParams(message?.tlsParams, problems.at("tls_params"), defaultMaximum);
  const certificates = readCertificates(message, secrets, problems);
  const validation = readValidation(message, secrets, problems);
  if (certificates === null || validation === undefined) return null;
  const keyLog = parseKeyLog(message?.keyLog, problems.at("key_log"));
  return { params, certificates, alpn: [...(message?.alpnProtocols ?? [])], validation, keyLog };
}

/** Envoy takes those in the context, else those that it names. */
function readCertificates(
  message: CommonTlsContext | undefined,
  secrets: Secrets,
  problems: Problems,
): TlsCertificateSpec[] | null {
  const inline = message?.tlsCertificates ?? [];
  if (inline.length > 0) return parseCertificates(inline, problems);
  const named = (message?.tlsCertificateSdsSecretConfigs ?? []).map((config, i) =>
    secrets.resolve(config, "tls_certificate", problems.at(`tls_certificate_sds_secret_configs[${i}]`)),
  );
  const certificates = named.filter((spec) => spec !== null);
  return certificates.length === named.length ? certificates : null;
}

/** null for none, undefined while a secret has not come. */
function readValidation(
  message: CommonTlsContext | undefined,
  secrets: Secrets,
  problems: Problems,
): TlsValidationSpec | null | undefined {
  const type = message?.validationContextType;
  switch (type?.case) {
    case "validationContext":
      return parseValidation(type.value, problems.at("validation_context"));
    case "validationContextSdsSecretConfig": {
      const scope = problems.at("validation_context_sds_secret_config");
      const secret = secrets.resolve(type.value, "validation_context", scope);
      return secret === null ? undefined : parseValidation(secret, scope, type.value.name);
    }
    case "combinedValidationContext": {
      const scope = problems.at("combined_validation_context");
      const { defaultValidationContext, validationContextSdsSecretConfig: config } = type.value;
      const secret =
        config === undefined
          ? null
          : secrets.resolve(config, "validation_context", scope.at("validation_context_sds_secret_config"));
      if (secret === null) return undefined;
      const merged = clone(
        CertificateValidationContextSchema,
        defaultValidationContext ?? create(CertificateValidationContextSchema),
      );
      merge(CertificateValidationContextSchema, merged, secret);
      return parseValidation(merged, scope.at("default_validation_context"), config?.name);
    }
    default:
      return null;
  }
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

/** None: no tickets; undefined while the secret has not come. Without configured keys one is made here, for all workers. */
function parseTicketKeys(message: DownstreamTlsContext, secrets: Secrets, problems: Problems): string[] | undefined {
  const type = message.sessionTicketKeysType;
  switch (type.case) {
    case "disableStatelessSessionResumption":
      return type.value ? [] : [madeTicketKey()];
    case "sessionTicketKeys": {
      const scope = problems.at("session_ticket_keys");
      return readTicketKeys(type.value, scope).map(ticketKey);
    }
    case "sessionTicketKeysSdsSecretConfig": {
      const scope = problems.at("session_ticket_keys_sds_secret_config");
      const keys = secrets.resolve(type.value, "session_ticket_keys", scope);
      return keys?.map(ticketKey);
    }
    default:
      return [madeTicketKey()];
  }
}

/** OpenSSL's key has a name of 16 bytes, 16 for HMAC and 16 for AES. */
function ticketKey(key: Uint8Array): string {
  return Buffer.from(key.subarray(0, 48)).toString("base64");
}

function madeTicketKey(): string {
  return randomBytes(48).toString("base64");
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
