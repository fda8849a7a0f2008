import { createHash, type X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { SanMatcherSpec, TlsValidationSpec } from "./spec.ts";

/** One alternative name of a certificate. */
export interface AlternativeName {
  type: SanMatcherSpec["type"] | "OTHER";
  value: string;
}

/** Why a peer's certificate is not accepted; Envoy counts each kind on its own. */
export type PeerFault = "fail_verify_no_cert" | "fail_verify_error" | "fail_verify_san" | "fail_verify_cert_hash";

/** Decides on one value of a SAN. */
export interface SanMatcher {
  readonly type: SanMatcherSpec["type"];
  matches(value: string): boolean;
}

/**
 * What Envoy's default validator asks of a peer. `chainError` is OpenSSL's verdict on the chain, "" when it is trusted. null when
 * the peer is accepted.
 */
export function verifyPeer(
  certificate: X509Certificate | undefined,
  chainError: string,
  spec: TlsValidationSpec,
  sans: readonly SanMatcher[],
  isRequired: boolean,
): PeerFault | null {
  if (certificate === undefined) return isRequired ? "fail_verify_no_cert" : null;
  if (spec.ca !== "" && !spec.acceptUntrusted && chainError !== "") {
    if (!(spec.allowExpired && chainError === "CERT_HAS_EXPIRED")) return "fail_verify_error";
  }
  if (sans.length > 0) {
    const names = alternativeNames(certificate);
    const isKnown = names.some(({ type, value }) => sans.some((san) => san.type === type && san.matches(value)));
    if (!isKnown) return "fail_verify_san";
  }
  if (spec.hashes.length > 0 || spec.spki.length > 0) {
    const hash = createHash("sha256").update(certificate.raw).digest("hex");
    const spki = createHash("sha256")
      .update(certificate.publicKey.export({ type: "spki", format: "der" }))
      .digest("base64");
    if (!spec.hashes.includes(hash) && !spec.spki.includes(spki)) return "fail_verify_cert_hash";
  }
  return null;
}

/** OpenSSL's verdict on the peer's chain by its code ("CERT_HAS_EXPIRED"); "" when it is trusted. */
export function chainError(socket: TLSSocket): string {
  // What tls.Server makes `authorized` of.
  const handle = (socket as unknown as { _handle: { verifyError(): NodeJS.ErrnoException | null } | null })._handle;
  return handle?.verifyError()?.code ?? "";
}

/** subjectAltName in Node's text form: "DNS:a, URI:\"b, c\", IP Address:1.2.3.4". */
export function alternativeNames(certificate: X509Certificate): AlternativeName[] {
  const names: AlternativeName[] = [];
  for (const [, label = "", quoted, plain] of (certificate.subjectAltName ?? "").matchAll(entry)) {
    const value = quoted === undefined ? (plain ?? "") : unquote(quoted);
    const type = types[label] ?? "OTHER";
    names.push({ type, value: type === "IP_ADDRESS" && value.includes(":") ? shortIpv6(value) : value });
  }
  return names;
}

/** RFC 5952; Node writes all groups. */
function shortIpv6(ip: string): string {
  return new URL(`http://[${ip}]`).hostname.slice(1, -1);
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
}

/** A distinguished name as RFC 2253 has it: Node writes an attribute a line, the first first, and leaves bytes over 0x7f. */
export function rfc2253(name: string | undefined): string {
  const text = (name ?? "").split("\n").reverse().join(",");
  return text.replace(/[^\x00-\x7f]/gu, (char) =>
    [...Buffer.from(char)].map((byte) => `\\${byte.toString(16).toUpperCase()}`).join(""),
  );
}

const entry = /([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))(?:, |$)/g;
const types: Record<string, SanMatcherSpec["type"]> = {
  DNS: "DNS",
  URI: "URI",
  email: "EMAIL",
  "IP Address": "IP_ADDRESS",
};
