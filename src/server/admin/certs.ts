import type { CertificateFacts } from "../../config/certificate-facts.ts";
import { type Endpoint, json } from "./endpoint.ts";

/** The certificates of every TLS context. Envoy: envoy.admin.v3.Certificates. */
export const certs: Endpoint = {
  path: "/certs",
  help: "print certs on machine",
  mutates: false,
  params: [],
  handle: (_request, state) =>
    json({
      certificates: state.certificates().map(({ authorities, leaves }) => ({
        ca_cert: authorities.map(details),
        cert_chain: leaves.map(details),
      })),
    }),
};

function details(facts: CertificateFacts): Record<string, unknown> {
  return {
    path: facts.path,
    serial_number: facts.serialNumber,
    subject_alt_names: facts.alternativeNames.flatMap(({ type, value }) => {
      const field = fields[type];
      return field === undefined ? [] : [{ [field]: value }];
    }),
    days_until_expiration: String(daysUntil(facts.validTo)),
    valid_from: seconds(facts.validFrom),
    expiration_time: seconds(facts.validTo),
    ...(facts.ocsp === null
      ? {}
      : { ocsp_details: { valid_from: seconds(facts.ocsp.validFrom), expiration: seconds(facts.ocsp.validTo) } }),
  };
}

/** Whole days; 0 when it is over. */
export function daysUntil(moment: Date): number {
  return Math.max(0, Math.floor((moment.getTime() - Date.now()) / 86_400_000));
}

function seconds(moment: Date): string {
  return moment.toISOString().replace(/\.\d+Z$/, "Z");
}

const fields: Record<string, string> = { DNS: "dns", URI: "uri", IP_ADDRESS: "ip_address" };
