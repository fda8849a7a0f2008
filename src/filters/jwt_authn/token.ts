import { JwtStatus, notInteger, notString, outOfRange } from "./status.ts";

/** A token that could be read; nothing says yet that it is good. */
export interface Jwt {
  alg: string;
  /** "" for none. */
  kid: string;
  header: Record<string, unknown>;
  payload: Record<string, unknown>;
  /** As it stands in the token. */
  payloadText: string;
  /** header.payload, what is signed. */
  signed: string;
  signature: Buffer;
  issuer: string;
  subject: string;
  audiences: readonly string[];
  /** Seconds; 0 where it is not said. */
  issuedAt: number;
  notBefore: number;
  expires: number;
}

/** Reads a token (RFC 7519) with the checks and words of jwt_verify_lib, in their order. A string says what is wrong. */
export function readJwt(text: string): Jwt | JwtStatus {
  const parts = text.split(".");
  if (parts.length !== 3 || parts.includes("")) return JwtStatus.badFormat;
  const [headerText = "", payloadText = "", signatureText = ""] = parts;
  const headerBytes = decode(headerText);
  if (headerBytes === null) return JwtStatus.headerBase64;
  const header = parseObject(headerBytes);
  if (header === null) return JwtStatus.headerJson;
  const { alg, kid } = header;
  if (typeof alg !== "string") return JwtStatus.headerAlg;
  if (!algorithms.has(alg)) return JwtStatus.unknownAlg;
  if (kid !== undefined && typeof kid !== "string") return JwtStatus.headerKid;
  const payloadBytes = decode(payloadText);
  if (payloadBytes === null) return JwtStatus.payloadBase64;
  const payload = parseObject(payloadBytes);
  if (payload === null) return JwtStatus.payloadJson;
  const fault = faultOf(payload);
  if (fault !== null) return fault;
  const signature = decode(signatureText);
  if (signature === null) return JwtStatus.signatureBase64;
  return {
    alg,
    kid: kid ?? "",
    header,
    payload,
    payloadText,
    signed: `${headerText}.${payloadText}`,
    signature,
    issuer: (payload.iss as string | undefined) ?? "",
    subject: (payload.sub as string | undefined) ?? "",
    audiences: typeof payload.aud === "string" ? [payload.aud] : ((payload.aud as string[] | undefined) ?? []),
    issuedAt: Math.trunc((payload.iat as number | undefined) ?? 0),
    notBefore: Math.trunc((payload.nbf as number | undefined) ?? 0),
    expires: Math.trunc((payload.exp as number | undefined) ?? 0),
  };
}

function faultOf(payload: Record<string, unknown>): JwtStatus | null {
  for (const claim of ["iss", "sub"]) {
    if (payload[claim] !== undefined && typeof payload[claim] !== "string") return notString(claim);
  }
  for (const claim of ["iat", "nbf", "exp"]) {
    const value = payload[claim];
    if (value === undefined) continue;
    if (typeof value !== "number") return notInteger(claim);
    if (value < 0 || value >= 2 ** 63) return outOfRange(claim);
  }
  if (payload.jti !== undefined && typeof payload.jti !== "string") return notString("jti");
  const { aud } = payload;
  if (aud === undefined || typeof aud === "string") return null;
  if (Array.isArray(aud) && aud.every((one) => typeof one === "string")) return null;
  return "Jwt payload [aud] field is not a string or string list";
}

/** Base64url without padding; null for anything else. As Envoy's (absl), it does not mind blanks. */
function decode(given: string): Buffer | null {
  const text = given.replace(blanks, "");
  if (!base64url.test(text) || text.length % 4 === 1) return null;
  return Buffer.from(text, "base64url");
}

/** null where it is no JSON object, or one with a name twice, as protobuf reads a Struct. */
function parseObject(bytes: Buffer): Record<string, unknown> | null {
  const text = bytes.toString();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    return hasNameTwice(text, value as Record<string, unknown>) ? null : (value as Record<string, unknown>);
  } catch {
    return null;
  }
}

/** Of the object itself: names at its own depth are counted. */
function hasNameTwice(text: string, value: Record<string, unknown>): boolean {
  let names = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === 0x22) {
      for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++;
    } else if (char === 0x7b || char === 0x5b) depth++;
    else if (char === 0x7d || char === 0x5d) depth--;
    else if (char === 0x3a && depth === 1) names++;
  }
  return names !== Object.keys(value).length;
}

const blanks = /[ \t\r\n\f\v]+/g;
const base64url = /^[A-Za-z0-9_-]*$/;
const algorithms: ReadonlySet<string> = new Set([
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "EdDSA"],
]);
