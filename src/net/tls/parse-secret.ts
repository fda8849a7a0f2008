import type {
  CertificateValidationContext,
  TlsSessionTicketKeys,
} from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import type { Secret } from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { readBytes } from "./data-source.ts";
import { parseCertificate } from "./parse-certificate.ts";
import { parseAuthorities } from "./parse-validation.ts";
import type { TlsCertificateSpec } from "./spec.ts";

/** What a secret of each kind gives to those who name it. */
export interface SecretValues {
  tls_certificate: TlsCertificateSpec;
  /** A message still: it may be merged with a default. */
  validation_context: CertificateValidationContext;
  /** 80 bytes each. */
  session_ticket_keys: Uint8Array[];
  /** Wire text. */
  generic_secret: string;
}

export type SecretKind = keyof SecretValues;

/** A secret, read and found sound. */
export type SecretValue = { [Kind in SecretKind]: { kind: Kind; value: SecretValues[Kind] } }[SecretKind];

/** Secret to its value; null after telling faults. */
export function parseSecret(message: Secret, problems: Problems): SecretValue | null {
  const before = problems.errorCount;
  const value = read(message, problems);
  return problems.errorCount > before ? null : value;
}

function read({ name, type }: Secret, problems: Problems): SecretValue | null {
  switch (type.case) {
    case "tlsCertificate": {
      const value = parseCertificate(type.value, name, problems.at("tls_certificate"));
      return value === null ? null : { kind: "tls_certificate", value };
    }
    case "validationContext":
      parseAuthorities(type.value, problems.at("validation_context"));
      return { kind: "validation_context", value: type.value };
    case "sessionTicketKeys":
      return { kind: "session_ticket_keys", value: readTicketKeys(type.value, problems.at("session_ticket_keys")) };
    case "genericSecret": {
      const at = problems.at("generic_secret");
      if (Object.keys(type.value.secrets).length > 0) at.error("secrets", "is not implemented in Nuncio; use secret");
      const bytes = readBytes(type.value.secret, at, "secret");
      return bytes === null ? null : { kind: "generic_secret", value: Buffer.from(bytes).toString("latin1") };
    }
    default:
      problems.error(
        "",
        "holds no secret: one of tls_certificate, validation_context, session_ticket_keys, generic_secret must be set",
      );
      return null;
  }
}

/** TlsSessionTicketKeys to its keys. */
export function readTicketKeys(message: TlsSessionTicketKeys, problems: Problems): Uint8Array[] {
  const keys = message.keys.map((source, i) => readBytes(source, problems, `keys[${i}]`));
  for (const [i, key] of keys.entries()) {
    if (key !== null && key.length !== 80)
      problems.error(`keys[${i}]`, `has ${key.length} bytes; a ticket key has 80`, {
        envoyText: `Incorrect TLS session ticket key length. Length ${key.length}, expected length 80.`,
      });
  }
  return keys.filter((key) => key !== null);
}
