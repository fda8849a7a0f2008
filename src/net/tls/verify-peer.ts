import { createHash, type X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { type AlternativeName, alternativeNames } from "./alternative-names.ts";
import { chainFault } from "./chain-fault.ts";
import { refusalText } from "./failure-text.ts";
import type { SanMatcherSpec, TlsValidationSpec } from "./spec.ts";
import { spiffeFault } from "./spiffe.ts";

/** Why a peer's certificate is not accepted. */
export interface PeerFault {
  /** Envoy counts each kind on its own. */
  counter: "fail_verify_no_cert" | "fail_verify_error" | "fail_verify_san" | "fail_verify_cert_hash";
  /** Envoy's transport failure reason. */
  text: string;
}

/** Decides on one value of a SAN. */
export interface SanMatcher {
  readonly type: SanMatcherSpec["type"];
  /** As in SanMatcherSpec. */
  readonly oid: string;
  matches(value: string): boolean;
}

/**
 * What Envoy's default validator and its SPIFFE validator ask of the peer with this certificate. null when it is accepted.
 */
export function verifyPeer(
  socket: TLSSocket,
  certificate: X509Certificate | undefined,
  spec: TlsValidationSpec,
  sans: readonly SanMatcher[],
  isRequired: boolean,
): PeerFault | null {
  if (certificate === undefined) return isRequired ? noCertificate : null;
  const chain =
    spec.spiffe === null
      ? ownChainFault(socket, certificate, spec)
      : spiffeFault(socket, certificate, spec.spiffe, spec);
  if (chain !== "") return fault("fail_verify_error", chain);
  if (sans.length > 0) {
    const names = alternativeNames(certificate);
    const isKnown = names.some((name) => sans.some((san) => isOf(san, name) && san.matches(name.value)));
    if (!isKnown) return fault("fail_verify_san", sanFault(names, spec));
  }
  if (spec.hashes.length > 0 || spec.spki.length > 0) {
    const hash = createHash("sha256").update(certificate.raw).digest("hex");
    const spki = createHash("sha256")
      .update(certificate.publicKey.export({ type: "spki", format: "der" }))
      .digest("base64");
    if (!spec.hashes.includes(hash) && !spec.spki.includes(spki))
      return fault("fail_verify_cert_hash", "cert hash and spki");
  }
  return null;
}

function fault(counter: PeerFault["counter"], detail: string): PeerFault {
  return { counter, text: refusalText("CERTIFICATE_VERIFY_FAILED", `verify cert failed: ${detail}`) };
}

function ownChainFault(socket: TLSSocket, certificate: X509Certificate, spec: TlsValidationSpec): string {
  return spec.ca === "" ? "" : chainFault(socket, certificate, spec);
}

/** Envoy's words. */
function sanFault(names: readonly AlternativeName[], { spiffe }: TlsValidationSpec): string {
  if (spiffe !== null) return "SAN match";
  return `SAN matcher, certificate SANs are [${names.map(({ value }) => value).join(", ")}]`;
}

function isOf(san: SanMatcher, { type, oid }: AlternativeName): boolean {
  return san.type === type && san.oid === oid;
}

/** Whether a peer with this fault is served all the same: Envoy's ACCEPT_UNTRUSTED is for chains, names and hashes, and they are counted. */
export function isSuffered(fault: PeerFault, spec: TlsValidationSpec | null): boolean {
  return spec?.acceptUntrusted === true && fault.counter !== "fail_verify_no_cert";
}

/** Whether a certificate is looked at: as in Envoy, one that is not is no identity, in no header and no log. */
export function isVerifying(spec: TlsValidationSpec | null): boolean {
  return spec !== null && (spec.ca !== "" || spec.hashes.length > 0 || spec.spki.length > 0 || spec.spiffe !== null);
}

/** A peer that shows none where one is asked for. */
export const noCertificate: PeerFault = {
  counter: "fail_verify_no_cert",
  text: refusalText("PEER_DID_NOT_RETURN_A_CERTIFICATE", "peer did not provide required client certificate"),
};
