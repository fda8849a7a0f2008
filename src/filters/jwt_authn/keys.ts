import {
  constants,
  createHmac,
  createPublicKey,
  type JsonWebKeyInput,
  type KeyObject,
  timingSafeEqual,
  verify,
} from "node:crypto";
import { JwtStatus } from "./status.ts";
import type { Jwt } from "./token.ts";

/** One key of a set. */
interface Jwk {
  kid: string;
  /** "" for any of its kind. */
  alg: string;
  kind: "RSA" | "EC" | "OKP" | "oct";
  /** Of EC: its algorithm by its curve. */
  curveAlg: string;
  key: KeyObject | Buffer;
}

/** A JWK set (RFC 7517) as far as it can be used. */
export type Keys = readonly Jwk[];

/** Reads a JWK set; keys that cannot be used are left out. A string says why there is none. Envoy: Jwks::createFrom. */
export function readJwks(text: string): Keys | JwtStatus {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    return JwtStatus.jwksJson;
  }
  if (typeof set !== "object" || set === null || Array.isArray(set)) return JwtStatus.jwksJson;
  if (!("keys" in set)) return JwtStatus.jwksWithoutKeys;
  if (!Array.isArray(set.keys)) return JwtStatus.jwksKeysNoList;
  const good = set.keys.map(readKey).filter((key) => key !== null);
  return good.length === 0 ? JwtStatus.noValidKeys : good;
}

/** Whether a key of the set signed the token. Envoy: verifyJwtWithoutTimeChecking. */
export function verifyJwt(jwt: Jwt, keys: Keys): JwtStatus {
  let isMatched = false;
  for (const key of keys) {
    if (jwt.kid !== "" && key.kid !== "" && key.kid !== jwt.kid) continue;
    if (key.alg !== "" && key.alg !== jwt.alg) continue;
    isMatched = true;
    if (isSignedBy(jwt, key)) return JwtStatus.ok;
  }
  return isMatched ? JwtStatus.verificationFails : JwtStatus.noMatchingKey;
}

function isSignedBy({ alg, signed, signature }: Jwt, { kind, key, curveAlg }: Jwk): boolean {
  const hash = `sha${alg.slice(2)}`;
  try {
    switch (kind) {
      case "oct":
        return (
          alg.startsWith("HS") &&
          isSame(
            createHmac(hash, key as Buffer)
              .update(signed)
              .digest(),
            signature,
          )
        );
      case "EC":
        return (
          alg === curveAlg &&
          verify(hash, Buffer.from(signed), { key: key as KeyObject, dsaEncoding: "ieee-p1363" }, signature)
        );
      case "OKP":
        return (
          alg === "EdDSA" && signature.length === 64 && verify(null, Buffer.from(signed), key as KeyObject, signature)
        );
      case "RSA": {
        if (alg.startsWith("RS")) return verify(hash, Buffer.from(signed), key as KeyObject, signature);
        const padding = constants.RSA_PKCS1_PSS_PADDING;
        const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
        return (
          alg.startsWith("PS") &&
          verify(hash, Buffer.from(signed), { key: key as KeyObject, padding, saltLength }, signature)
        );
      }
    }
  } catch {
    // OpenSSL throws on what is no signature of that kind at all.
    return false;
  }
}

function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function readKey(jwk: unknown): Jwk | null {
  if (typeof jwk !== "object" || jwk === null) return null;
  const { kty, kid, alg, use, key_ops: ops, crv, k } = jwk as Record<string, unknown>;
  if (use !== undefined && use !== "sig") return null;
  if (ops !== undefined && !(Array.isArray(ops) && ops.includes("verify"))) return null;
  const common = { kid: typeof kid === "string" ? kid : "", alg: typeof alg === "string" ? alg : "", curveAlg: "" };
  try {
    if (kty === "oct" && typeof k === "string") {
      return common.alg === "" || common.alg.startsWith("HS")
        ? { ...common, kind: "oct", key: Buffer.from(k, "base64url") }
        : null;
    }
    if (kty !== "RSA" && kty !== "EC" && kty !== "OKP") return null;
    if (common.alg !== "" && !prefixes[kty].some((prefix) => common.alg.startsWith(prefix))) return null;
    const curveAlg = kty === "EC" ? (curves[String(crv)] ?? "") : "";
    if (kty === "EC" && (curveAlg === "" || (common.alg !== "" && common.alg !== curveAlg))) return null;
    if (kty === "OKP" && crv !== "Ed25519") return null;
    const key = createPublicKey({ key: jwk as JsonWebKeyInput["key"], format: "jwk" });
    return { ...common, alg: kty === "EC" ? curveAlg : common.alg, curveAlg, kind: kty, key };
  } catch {
    return null;
  }
}

const prefixes = { RSA: ["RS", "PS"], EC: ["ES"], OKP: ["EdDSA"] } as const;
const curves: Readonly<Record<string, string>> = { "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" };
