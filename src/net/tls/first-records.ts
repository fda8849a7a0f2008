import { alertReason } from "./failure-text.ts";

/** Why a connection does not begin with a ClientHello, and what the client is told. */
export interface FirstRecordFault {
  /** BoringSSL's name of it; "" where the client only took its leave. */
  reason: string;
  /** The alert that it gets (RFC 8446 section 6); 0 for none. */
  alert: number;
}

/**
 * The ClientHello of the first records, with its head; "more" when it is not whole. As BoringSSL: tls_open_handshake, tls_open_record,
 * ssl_process_alert and tls_get_message of a server that has read nothing yet.
 */
export function readFirstRecords(bytes: Buffer): Buffer | "more" | FirstRecordFault {
  if (bytes.length < headLength) return "more";
  const mistaken = mistakenProtocol(bytes);
  if (mistaken !== "") return { reason: mistaken, alert: 0 };
  const parts: Buffer[] = [];
  let received = 0;
  /** Of the message with its head, once that is there. */
  let length = Number.POSITIVE_INFINITY;
  let at = 0;
  let empty = 0;
  let warnings = 0;
  while (bytes.length >= at + headLength) {
    const type = bytes[at] as number;
    const size = bytes.readUInt16BE(at + 3);
    const end = at + headLength + size;
    if (bytes[at + 1] !== 3) return { reason: "WRONG_VERSION_NUMBER", alert: Alert.protocolVersion };
    if (size > maxEncrypted) return { reason: "ENCRYPTED_LENGTH_TOO_LONG", alert: Alert.recordOverflow };
    // A hello that is long enough to be refused need not be whole.
    const isWhole = bytes.length >= end;
    if (!isWhole && type !== handshake) return "more";
    if (isWhole && size > maxPlain) return { reason: "DATA_LENGTH_TOO_LONG", alert: Alert.recordOverflow };
    if (size === 0) {
      if (++empty > maxEmpty) return { reason: "TOO_MANY_EMPTY_FRAGMENTS", alert: Alert.unexpectedMessage };
    } else empty = 0;
    if (type === alert) {
      const fault = alertFault(bytes.subarray(at + headLength, end));
      if (fault !== null) return fault;
      if (++warnings > maxWarnings) return { reason: "TOO_MANY_WARNING_ALERTS", alert: Alert.unexpectedMessage };
    } else if (type !== handshake) return { reason: "UNEXPECTED_RECORD", alert: Alert.unexpectedMessage };
    else {
      const part = bytes.subarray(at + headLength, end);
      parts.push(part);
      received += part.length;
      if (length === Number.POSITIVE_INFINITY && received >= 4) {
        const found = lengthOf(joined(parts));
        if (typeof found !== "number") return found;
        length = found;
      }
      if (isWhole && received >= length) return joined(parts).subarray(0, length);
    }
    at = end;
  }
  return "more";
}

function joined(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

/** Of the handshake message with its head. */
function lengthOf(message: Buffer): number | FirstRecordFault {
  const length = message.readUIntBE(1, 3);
  if (length > maxHello) return { reason: "EXCESSIVE_MESSAGE_SIZE", alert: Alert.illegalParameter };
  if (message[0] !== clientHello) return { reason: "UNEXPECTED_MESSAGE", alert: Alert.unexpectedMessage };
  return 4 + length;
}

/** null: one that is passed over. */
function alertFault(body: Buffer): FirstRecordFault | null {
  if (body.length !== 2) return { reason: "BAD_ALERT", alert: Alert.decodeError };
  const [level, description] = body as unknown as [number, number];
  if (level === 1) return description === 0 ? { reason: "", alert: 0 } : null;
  if (level === 2) return { reason: alertReason(description), alert: 0 };
  return { reason: "UNKNOWN_ALERT_TYPE", alert: Alert.illegalParameter };
}

function mistakenProtocol(bytes: Buffer): string {
  const text = bytes.latin1Slice(0, headLength);
  if (/^(GET |PUT |POST |HEAD )/.test(text)) return "HTTP_REQUEST";
  return text === "CONNE" ? "HTTPS_PROXY_REQUEST" : "";
}

const headLength = 5;
const alert = 21;
const handshake = 22;
const clientHello = 1;
/** Envoy's tls_inspector reads no more than 16 KiB, BoringSSL no longer message. */
const maxHello = 16_384;
/** BoringSSL's SSL3_RT_MAX_PLAIN_LENGTH, SSL3_RT_MAX_ENCRYPTED_LENGTH, kMaxEmptyRecords and kMaxWarningAlerts. */
const maxPlain = 16_384;
const maxEncrypted = 16_384 + 256 + 64;
const maxEmpty = 32;
const maxWarnings = 4;
const Alert = {
  unexpectedMessage: 10,
  recordOverflow: 22,
  illegalParameter: 47,
  decodeError: 50,
  protocolVersion: 70,
} as const;
