/** What is said of a token that is not good. Envoy: getStatusString of jwt_verify_lib. */
export const JwtStatus = {
  ok: "OK",
  missing: "Jwt is missing",
  notYetValid: "Jwt not yet valid",
  expired: "Jwt is expired",
  badFormat: "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
  headerBase64: "Jwt header is an invalid Base64url encoded",
  headerJson: "Jwt header is an invalid JSON",
  headerAlg: "Jwt header [alg] field is required and must be a string",
  unknownAlg: "Jwt header [alg] is not supported",
  headerKid: "Jwt header [kid] field is not a string",
  payloadBase64: "Jwt payload is an invalid Base64url encoded",
  payloadJson: "Jwt payload is an invalid JSON",
  signatureBase64: "Jwt signature is an invalid Base64url encoded",
  unknownIssuer: "Jwt issuer is not configured",
  audience: "Audiences in Jwt are not allowed",
  verificationFails: "Jwt verification fails",
  noValidKeys: "Jwks doesn't have any valid public key",
  noMatchingKey: "Jwks doesn't have key to match kid or alg from Jwt",
  jwksJson: "Jwks is an invalid JSON",
  jwksWithoutKeys: "Jwks does not have [keys] field",
  jwksKeysNoList: "[keys] in Jwks is not an array",
  fetchFailed: "Jwks remote fetch is failed",
} as const;
export type JwtStatus = string;

/** The number of a status in the metadata; 0 for one that has no name here. Envoy: the enum Status. */
export function codeOf(status: JwtStatus): number {
  return Math.max(0, codes.indexOf(status));
}

const codes: readonly JwtStatus[] = [
  JwtStatus.ok,
  JwtStatus.missing,
  JwtStatus.notYetValid,
  JwtStatus.expired,
  JwtStatus.badFormat,
  JwtStatus.headerBase64,
  JwtStatus.headerJson,
  JwtStatus.headerAlg,
  JwtStatus.unknownAlg,
  JwtStatus.headerKid,
  JwtStatus.payloadBase64,
];

export function notString(claim: string): JwtStatus {
  return `Jwt payload [${claim}] field is not a string`;
}

export function notInteger(claim: string): JwtStatus {
  return `Jwt payload [${claim}] field is not an integer`;
}

export function outOfRange(claim: string): JwtStatus {
  return `Jwt payload [${claim}] field is not a positive 64 bit integer`;
}
