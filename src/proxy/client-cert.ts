import { createHash, type X509Certificate } from "node:crypto";
import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import { alternativeNames, rfc2253 } from "../net/tls/alternative-names.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";

/** forward_client_cert_details and set_current_client_cert_details. */
export interface ClientCertSpec {
  mode: "SANITIZE" | "FORWARD_ONLY" | "APPEND_FORWARD" | "SANITIZE_SET" | "ALWAYS_FORWARD_ONLY";
  subject: boolean;
  cert: boolean;
  dns: boolean;
  uri: boolean;
}

/** What x-forwarded-client-cert says of one connection, made once. Envoy: ConnectionManagerUtility::mutateXfccRequestHeader. */
export class ClientCert {
  readonly #mode: ClientCertSpec["mode"];
  /** This hop's element; "" without a client certificate. */
  readonly #element: string;

  /** `tls`: null for plain text, and where no certificate was asked for. */
  constructor(spec: ClientCertSpec, tls: TlsInfo | null) {
    this.#mode = spec.mode;
    const peer = tls?.peer;
    this.#element = peer === undefined ? "" : elementOf(spec, peer, tls?.own);
  }

  apply(head: RequestHead): void {
    const mode = this.#mode;
    if (mode === "ALWAYS_FORWARD_ONLY" || (mode === "FORWARD_ONLY" && this.#element !== "")) return;
    // Whoever shows no certificate cannot say who else did.
    if (this.#element === "" || mode === "SANITIZE") {
      head.remove("x-forwarded-client-cert", field);
      return;
    }
    const present = mode === "APPEND_FORWARD" ? head.get(field) : null;
    head.set("x-forwarded-client-cert", present === null ? this.#element : `${present},${this.#element}`, field);
  }
}

function elementOf(spec: ClientCertSpec, peer: X509Certificate, own: X509Certificate | undefined): string {
  const names = alternativeNames(peer);
  const valuesOf = (type: "URI" | "DNS") => names.filter((name) => name.type === type).map((name) => name.value);
  const ownUris = own === undefined ? [] : alternativeNames(own).filter(({ type }) => type === "URI");
  return [
    ...ownUris.map(({ value }) => `By=${value}`),
    `Hash=${createHash("sha256").update(peer.raw).digest("hex")}`,
    ...(spec.cert ? [`Cert="${encodeURIComponent(peer.toString())}"`] : []),
    ...(spec.subject ? [`Subject="${rfc2253(peer.subject)}"`] : []),
    ...(spec.uri ? uriParts(valuesOf("URI")) : []),
    ...(spec.dns ? valuesOf("DNS").map((name) => `DNS=${name}`) : []),
  ].join(";");
}

/** Envoy says so much even of a certificate without one. */
function uriParts(uris: readonly string[]): string[] {
  return uris.length === 0 ? ["URI="] : uris.map((uri) => `URI=${uri}`);
}

const field = Known["x-forwarded-client-cert"];
