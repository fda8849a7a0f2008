import { createHash, type X509Certificate } from "node:crypto";
import { alternativeNames, rfc2253 } from "../net/tls/alternative-names.ts";
import type { TlsInfo } from "../net/tls/tls-info.ts";
import type { StreamInfo } from "./stream-info.ts";

/** By Envoy's name. */
const sanTypes = { DNS: "DNS", URI: "URI", IP: "IP_ADDRESS", EMAIL: "EMAIL", OTHERNAME: "OTHER_NAME" } as const;

/** The operators of both connections, `DOWNSTREAM_TLS_VERSION` to `UPSTREAM_PEER_CERT`; null is no value. */
export const tlsFields: Record<string, (info: StreamInfo) => string | null> = {
  REQUESTED_SERVER_NAME: ({ requestedServerName }) => requestedServerName || null,
  TLS_JA3_FINGERPRINT: (info) => info.downstreamTls?.ja3 || null,
  TLS_JA4_FINGERPRINT: (info) => info.downstreamTls?.ja4 || null,
  UPSTREAM_SERVER_NAME: (info) => info.upstreamTls?.serverName || null,
  ...fieldsOf("DOWNSTREAM_", (info) => info.downstreamTls),
  ...fieldsOf("UPSTREAM_", (info) => info.upstreamTls),
};

/** The operators whose argument is a time format: the moment in milliseconds, null for none. */
export const tlsTimes: Record<string, (info: StreamInfo) => number | null> = {
  DOWNSTREAM_PEER_CERT_V_START: (info) => info.downstreamTls?.peer?.validFromDate.getTime() ?? null,
  DOWNSTREAM_PEER_CERT_V_END: (info) => info.downstreamTls?.peer?.validToDate.getTime() ?? null,
  UPSTREAM_PEER_CERT_V_START: (info) => info.upstreamTls?.peer?.validFromDate.getTime() ?? null,
  UPSTREAM_PEER_CERT_V_END: (info) => info.upstreamTls?.peer?.validToDate.getTime() ?? null,
};

type Side = (info: StreamInfo) => TlsInfo | null;

function fieldsOf(prefix: string, side: Side): Record<string, (info: StreamInfo) => string | null> {
  const fields: Record<string, (info: StreamInfo) => string | null> = {};
  const add = (name: string, of: (tls: TlsInfo) => string) => {
    fields[prefix + name] = (info) => {
      const tls = side(info);
      return tls === null ? null : of(tls) || null;
    };
  };
  add("TLS_VERSION", (tls) => tls.version);
  add("TLS_CIPHER", (tls) => tls.cipher);
  add("TLS_GROUP", (tls) => tls.group);
  add("TLS_SESSION_ID", (tls) => tls.sessionId);
  add("LOCAL_SUBJECT", (tls) => rfc2253(tls.own?.subject));
  add("PEER_SUBJECT", (tls) => rfc2253(tls.peer?.subject));
  add("PEER_ISSUER", (tls) => rfc2253(tls.peer?.issuer));
  add("PEER_CERT", (tls) => (tls.peer === undefined ? "" : encodeURIComponent(tls.peer.toString())));
  add("PEER_SERIAL", (tls) => serialOf(tls.peer));
  add("PEER_FINGERPRINT_1", (tls) => digest("sha1", tls.peer));
  add("PEER_FINGERPRINT_256", (tls) => digest("sha256", tls.peer));
  add("PEER_ISSUER_SERIAL", (tls) => tls.issuer?.serialNumber.toLowerCase() ?? "");
  add("PEER_ISSUER_FINGERPRINT_256", (tls) => tls.issuer?.fingerprint256.replaceAll(":", "").toLowerCase() ?? "");
  add("PEER_CHAIN_SERIALS", (tls) => tls.chain.map(serialOf).join(","));
  add("PEER_CHAIN_FINGERPRINTS_1", (tls) => tls.chain.map((one) => digest("sha1", one)).join(","));
  add("PEER_CHAIN_FINGERPRINTS_256", (tls) => tls.chain.map((one) => digest("sha256", one)).join(","));
  for (const [name, type] of Object.entries(sanTypes)) {
    if (prefix === "UPSTREAM_" && (name === "EMAIL" || name === "OTHERNAME")) continue;
    add(`PEER_${name}_SAN`, (tls) => sans(tls.peer, type));
    add(`LOCAL_${name}_SAN`, (tls) => sans(tls.own, type));
  }
  return fields;
}

function sans(certificate: X509Certificate | undefined, type: string): string {
  if (certificate === undefined) return "";
  return alternativeNames(certificate)
    .filter((name) => name.type === type)
    .map((name) => name.value)
    .join(",");
}

function digest(algorithm: "sha1" | "sha256", certificate: X509Certificate | undefined): string {
  return certificate === undefined ? "" : createHash(algorithm).update(certificate.raw).digest("hex");
}

function serialOf(certificate: X509Certificate | undefined): string {
  return certificate?.serialNumber.toLowerCase() ?? "";
}
