import type { SecureContext } from "node:tls";
import type { ClientHello } from "./client-hello.ts";
import { type OcspResponse, readOcspResponse } from "./ocsp.ts";
import type { OcspStaplePolicy, TlsCertificateSpec } from "./spec.ts";

/** What becomes of a client's wish for an OCSP response; "none" where it has none. Envoy: OcspStapleAction. */
export type Stapling = "none" | "stapled" | "omitted" | "failed";

/** An OpenSSL context of a server with what goes with it: of one certificate, or of several without OCSP responses. */
export class ServerCertificate {
  readonly context: SecureContext;
  readonly isEcdsa: boolean;
  /** Its OCSP response; null without one. */
  readonly ocspResponse: Buffer | null;
  readonly #response: OcspResponse | null;
  readonly #policy: OcspStaplePolicy;

  constructor(
    context: SecureContext,
    { ocspResponse, isMustStaple, isEcdsa }: TlsCertificateSpec,
    policy: OcspStaplePolicy,
  ) {
    const bytes = Buffer.from(ocspResponse, "base64");
    const response = bytes.length === 0 ? null : readOcspResponse(bytes);
    this.context = context;
    this.isEcdsa = isEcdsa;
    this.#policy = isMustStaple ? "MUST" : policy;
    this.#response = typeof response === "string" ? null : response;
    this.ocspResponse = this.#response === null ? null : bytes;
  }

  /** `nowMs`: wall clock. */
  stapling(hello: ClientHello, nowMs: number): Stapling {
    if (!hello.asksOcsp) return "none";
    const response = this.#response;
    if (response?.nextUpdateMs != null && response.nextUpdateMs >= nowMs) return "stapled";
    if (this.#policy === "MUST" || (this.#policy === "STRICT" && response !== null)) return "failed";
    return "omitted";
  }
}
