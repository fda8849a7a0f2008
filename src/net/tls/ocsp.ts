import { DerTag, type DerValue, derChildren, derValues } from "./der.ts";

/** What an OCSP response (RFC 6960 section 4.2.1) says of its certificate. Nobody verifies it: the config is trusted, as in Envoy. */
export interface OcspResponse {
  serialNumber: bigint;
  /** Wall clock, milliseconds. */
  thisUpdateMs: number;
  /** null where it does not say: Envoy takes it for expired. */
  nextUpdateMs: number | null;
}

/** Reads a response in DER. Where it is none, Envoy's sentence for why. */
export function readOcspResponse(bytes: Buffer): OcspResponse | string {
  const [outer, ...more] = derValues(bytes) ?? [];
  const response = derChildren(outer, DerTag.sequence);
  if (response === null || more.length > 0) return "Data contained more than a single OCSP response";
  const [status, wrapper] = response;
  if (status?.tag !== DerTag.enumerated || status.content.length === 0)
    return "OCSP ResponseStatus is not a well-formed ASN.1 ENUMERATED";
  if (status.content[0] !== 0) return "OCSP response was unsuccessful";
  if (wrapper?.tag !== DerTag.context0) return "OCSP response has no body";
  const [type, body] = derChildren(derValues(wrapper.content)?.[0], DerTag.sequence) ?? [];
  if (type?.tag !== DerTag.oid || body?.tag !== DerTag.octetString)
    return "OCSP ResponseBytes is not a well-formed SEQUENCE";
  if (type.content.toString("hex") !== basicResponse) return "Unknown OCSP Response type";
  return readBasic(body.content);
}

function readBasic(bytes: Buffer): OcspResponse | string {
  const basic = derChildren(derValues(bytes)?.[0], DerTag.sequence);
  const data = derChildren(basic?.[0], DerTag.sequence);
  if (data === null) return "OCSP ResponseData is not a well-formed ASN.1 SEQUENCE";
  // version [0] may stand in front of responderID [1] or [2], producedAt, responses.
  const at = data[0]?.tag === DerTag.context0 ? 1 : 0;
  const responses = derChildren(data[at + 2], DerTag.sequence);
  if (responses === null || data[at + 1]?.tag !== DerTag.generalizedTime)
    return "OCSP ResponseData is not a well-formed ASN.1 SEQUENCE";
  if (responses.length !== 1) return "OCSP Response must be for one certificate only";
  const [id, , thisUpdate, next] = derChildren(responses[0], DerTag.sequence) ?? [];
  const serialNumber = derChildren(id, DerTag.sequence)?.[3];
  const thisUpdateMs = timeOf(thisUpdate);
  const nextUpdate = next?.tag === DerTag.context0 ? derValues(next.content)?.[0] : undefined;
  const nextUpdateMs = nextUpdate === undefined ? null : timeOf(nextUpdate);
  if (serialNumber?.tag !== DerTag.integer || serialNumber.content.length === 0 || thisUpdateMs === null)
    return "OCSP SingleResponse is not a well-formed ASN.1 SEQUENCE";
  return { serialNumber: BigInt(`0x${serialNumber.content.toString("hex")}`), thisUpdateMs, nextUpdateMs };
}

/** Milliseconds; null where it is no time. */
function timeOf(value: DerValue | undefined): number | null {
  const text = value?.tag === DerTag.generalizedTime ? value.content.latin1Slice() : "";
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) return null;
  const [year = 0, month = 0, day, hour, minute, second] = parts.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** id-pkix-ocsp-basic. */
const basicResponse = "2b0601050507300101";
