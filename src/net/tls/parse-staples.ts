import { X509Certificate } from "node:crypto";
import { DownstreamTlsContext_OcspStaplePolicy as Policy } from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { readOcspResponse } from "./ocsp.ts";
import type { OcspStaplePolicy, TlsCertificateSpec } from "./spec.ts";

export function parseStaplePolicy(policy: Policy): OcspStaplePolicy {
  if (policy === Policy.STRICT_STAPLING) return "STRICT";
  return policy === Policy.MUST_STAPLE ? "MUST" : "LENIENT";
}

/** Refuses what a server could not staple. `problems` is at the common_tls_context. Envoy: ServerContextImpl. */
export function checkStaples(
  certificates: readonly TlsCertificateSpec[],
  policy: OcspStaplePolicy,
  problems: Problems,
): void {
  for (const [i, certificate] of certificates.entries()) {
    const fault = faultOf(certificate, policy);
    if (fault !== null)
      problems.error(`tls_certificates[${i}].ocsp_staple`, fault.reason, { envoyText: fault.envoyText });
  }
}

function faultOf(
  { chain, ocspResponse, isMustStaple }: TlsCertificateSpec,
  policy: OcspStaplePolicy,
): { reason: string; envoyText: string } | null {
  if (ocspResponse === "") {
    if (isMustStaple) {
      const envoyText = "OCSP response is required for must-staple certificate";
      return { reason: "is missing, and the certificate says that clients must get it", envoyText };
    }
    if (policy !== "MUST") return null;
    const envoyText = "Required OCSP response is missing from TLS context";
    return { reason: "is missing, and ocsp_staple_policy is MUST_STAPLE", envoyText };
  }
  const response = readOcspResponse(Buffer.from(ocspResponse, "base64"));
  if (typeof response === "string") return { reason: "is no OCSP response that can be stapled", envoyText: response };
  if (response.serialNumber === BigInt(`0x${new X509Certificate(chain).serialNumber}`)) return null;
  const envoyText = "OCSP response does not match its TLS certificate";
  return { reason: "is for a certificate of another serial number", envoyText };
}
