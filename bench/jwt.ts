import { createSign, generateKeyPairSync } from "node:crypto";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

/** The keys of the bench's issuer. */
export const benchJwks: string = JSON.stringify({
  keys: [{ ...publicKey.export({ format: "jwk" }), kid: "bench", alg: "RS256", use: "sig" }],
});

/** A token of that issuer, good for an hour. */
export function benchToken(): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const expires = Math.floor(Date.now() / 1000) + 3600;
  const claims = { iss: "https://bench.test", aud: "bench", sub: "client", exp: expires, scope: "read write" };
  const signed = `${encode({ alg: "RS256", kid: "bench", typ: "JWT" })}.${encode(claims)}`;
  return `${signed}.${createSign("RSA-SHA256").update(signed).sign(privateKey, "base64url")}`;
}
