import { constants } from "node:os";
import { errnoText } from "../errno.ts";

/**
 * What Envoy logs of TLS that failed, in BoringSSL's words. `code` is Node's: of OpenSSL's reason ("ERR_SSL_WRONG_VERSION_NUMBER"), or the
 * system's ("ECONNRESET"). "" for what is none. Envoy: SslSocket::drainErrorQueue.
 */
export function tlsFailureText(code: string): string {
  if (!isTlsFailure(code)) return systemFailure(code);
  const name = code.slice(opensslPrefix.length);
  if (name === "DECRYPTION_FAILED_OR_BAD_RECORD_MAC") return around(badDecrypt, reasonText(name));
  if (name === "LENGTH_TOO_SHORT")
    return around(reasonText("BAD_PACKET_LENGTH"), reasonText("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"));
  return reasonFailure(boringName(name));
}

/** The same by BoringSSL's name of the reason. */
export function reasonFailure(name: string): string {
  return name === "" ? "" : around(reasonText(name));
}

/** A certificate is refused, or none was shown. `detail`: Envoy's own words for it. */
export function refusalText(
  name: "CERTIFICATE_VERIFY_FAILED" | "PEER_DID_NOT_RETURN_A_CERTIFICATE",
  detail: string,
): string {
  return around(`${reasonText(name)}:${detail}`);
}

/** BoringSSL's name of a fatal alert that the peer sent. */
export function alertReason(alert: number): string {
  const name = Object.keys(alerts).find((one) => alerts[one] === alert);
  return name === undefined ? `ALERT_${alert}` : alertName(name);
}

/** OpenSSL gave up. */
export function isTlsFailure(code: string): boolean {
  return code.startsWith(opensslPrefix);
}

/** Envoy's transport failure reason of a context whose secrets have not come. */
export const secretsNotReady = "TLS error: Secret is not supplied by SDS";

function around(...errors: string[]): string {
  return `TLS_error:${errors.map((error) => `|${error}`).join("")}:TLS_error_end`;
}

/** One error as BoringSSL's queue has it; a reason that it does not have is the name alone. */
function reasonText(name: string): string {
  const unnamed = /^ALERT_(\d+)$/.exec(name)?.[1];
  const reason = reasons[name] ?? alertOffset + (alerts[name.replace(/^(SSLV3|TLSV1)_ALERT_/, "")] ?? Number(unnamed));
  if (Number.isNaN(reason)) return name;
  return `${sslLibrary + reason}:SSL routines:OPENSSL_internal:${unnamed === undefined ? name : "unknown error"}`;
}

function systemFailure(code: string): string {
  const errno = (constants.errno as Record<string, number | undefined>)[code];
  return errno === undefined
    ? ""
    : around(`${systemLibrary + errno}:system library:OPENSSL_internal:${errnoText(code)}`);
}

/** OpenSSL's name of a reason as BoringSSL has it. */
function boringName(name: string): string {
  const other = otherNames[name];
  if (other !== undefined) return other;
  const alert = /^(?:SSL\/TLS_ALERT|TLSV1_ALERT|TLSV13_ALERT|TLSV1)_(.*)$/.exec(name)?.[1];
  return alert === undefined ? name : alertName(alert);
}

/** Those that SSL 3 had are named for it. */
function alertName(name: string): string {
  const alert = alerts[name] ?? 0;
  const isOld = alert % 10 === 0 ? alert <= 40 : alert > 40 && alert < 48;
  return `${isOld ? "SSLV3" : "TLSV1"}_ALERT_${name}`;
}

const opensslPrefix = "ERR_SSL_";
/** BoringSSL's ERR_PACK: the library stands above 24 bits. */
const sslLibrary = 16 << 24;
const systemLibrary = 2 << 24;
const badDecrypt = `${(30 << 24) + 101}:Cipher functions:OPENSSL_internal:BAD_DECRYPT`;
/** SSL_AD_REASON_OFFSET */
const alertOffset = 1000;
/** Reasons that OpenSSL has by other names. */
const otherNames: Record<string, string> = {
  APP_DATA_IN_HANDSHAKE: "UNEXPECTED_RECORD",
  // It looks at the version first.
  BAD_RECORD_TYPE: "WRONG_VERSION_NUMBER",
  CCS_RECEIVED_EARLY: "UNEXPECTED_RECORD",
  DATA_LENGTH_TOO_LONG: "ENCRYPTED_LENGTH_TOO_LONG",
  LENGTH_MISMATCH: "DECODE_ERROR",
  NO_SUITABLE_GROUPS: "NO_SHARED_GROUP",
  NO_SUITABLE_KEY_SHARE: "NO_SHARED_GROUP",
  NO_SUITABLE_SIGNATURE_ALGORITHM: "NO_COMMON_SIGNATURE_ALGORITHMS",
  NO_SHARED_SIGNATURE_ALGORITHMS: "NO_COMMON_SIGNATURE_ALGORITHMS",
  PACKET_LENGTH_TOO_LONG: "ENCRYPTED_LENGTH_TOO_LONG",
  TLSV13_ALERT_MISSING_EXTENSION: "ALERT_109",
  UNEXPECTED_CCS_MESSAGE: "UNEXPECTED_RECORD",
  UNKNOWN_PROTOCOL: "UNSUPPORTED_PROTOCOL",
  VERSION_TOO_LOW: "UNSUPPORTED_PROTOCOL",
};

/** BoringSSL's SSL_R_*, those that a peer can bring about. */
const reasons: Record<string, number> = {
  BAD_ALERT: 102,
  BAD_CHANGE_CIPHER_SPEC: 103,
  BAD_ECPOINT: 108,
  BAD_PACKET_LENGTH: 112,
  BAD_SIGNATURE: 114,
  CERTIFICATE_VERIFY_FAILED: 125,
  CLIENTHELLO_PARSE_FAILED: 131,
  DATA_LENGTH_TOO_LONG: 136,
  DECODE_ERROR: 137,
  DECRYPTION_FAILED_OR_BAD_RECORD_MAC: 139,
  DIGEST_CHECK_FAILED: 142,
  ENCRYPTED_LENGTH_TOO_LONG: 146,
  EXCESSIVE_MESSAGE_SIZE: 150,
  HTTPS_PROXY_REQUEST: 155,
  HTTP_REQUEST: 156,
  INAPPROPRIATE_FALLBACK: 157,
  NO_RENEGOTIATION: 182,
  NO_SHARED_CIPHER: 184,
  PEER_DID_NOT_RETURN_A_CERTIFICATE: 192,
  TOO_MANY_EMPTY_FRAGMENTS: 219,
  TOO_MANY_WARNING_ALERTS: 220,
  UNEXPECTED_MESSAGE: 223,
  UNEXPECTED_RECORD: 225,
  UNKNOWN_ALERT_TYPE: 227,
  UNSUPPORTED_PROTOCOL: 240,
  WRONG_CURVE: 243,
  WRONG_VERSION_NUMBER: 247,
  NO_COMMON_SIGNATURE_ALGORITHMS: 253,
  NO_SHARED_GROUP: 266,
  OCSP_CB_ERROR: 289,
};

/** RFC 8446 section 6, and those of older versions. */
const alerts: Record<string, number> = {
  CLOSE_NOTIFY: 0,
  UNEXPECTED_MESSAGE: 10,
  BAD_RECORD_MAC: 20,
  DECRYPTION_FAILED: 21,
  RECORD_OVERFLOW: 22,
  DECOMPRESSION_FAILURE: 30,
  HANDSHAKE_FAILURE: 40,
  NO_CERTIFICATE: 41,
  BAD_CERTIFICATE: 42,
  UNSUPPORTED_CERTIFICATE: 43,
  CERTIFICATE_REVOKED: 44,
  CERTIFICATE_EXPIRED: 45,
  CERTIFICATE_UNKNOWN: 46,
  ILLEGAL_PARAMETER: 47,
  UNKNOWN_CA: 48,
  ACCESS_DENIED: 49,
  DECODE_ERROR: 50,
  DECRYPT_ERROR: 51,
  EXPORT_RESTRICTION: 60,
  PROTOCOL_VERSION: 70,
  INSUFFICIENT_SECURITY: 71,
  INTERNAL_ERROR: 80,
  INAPPROPRIATE_FALLBACK: 86,
  USER_CANCELLED: 90,
  NO_RENEGOTIATION: 100,
  UNSUPPORTED_EXTENSION: 110,
  CERTIFICATE_UNOBTAINABLE: 111,
  UNRECOGNIZED_NAME: 112,
  BAD_CERTIFICATE_STATUS_RESPONSE: 113,
  BAD_CERTIFICATE_HASH_VALUE: 114,
  UNKNOWN_PSK_IDENTITY: 115,
  CERTIFICATE_REQUIRED: 116,
  NO_APPLICATION_PROTOCOL: 120,
};
