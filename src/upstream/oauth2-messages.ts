/** A token as its server gives it. */
export interface GrantedToken {
  /** Wire text. */
  token: string;
  lifeS: number;
}

/** From an answer (RFC 6749 section 5.1), read as protobuf reads JSON; null where it has no token that a field may hold, or no life. Envoy: OAuthResponse. */
export function readToken(body: Buffer): GrantedToken | null {
  let fields: unknown;
  try {
    fields = JSON.parse(body.toString());
  } catch {
    return null;
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return null;
  const { access_token, accessToken, expires_in, expiresIn } = fields as Record<string, unknown>;
  const token = access_token ?? accessToken;
  const life = expires_in ?? expiresIn;
  const lifeS = typeof life === "string" && /^\d+$/.test(life) ? Number(life) : life;
  if (typeof token !== "string" || typeof lifeS !== "number" || !Number.isInteger(lifeS) || lifeS < 0) return null;
  const text = Buffer.from(token).toString("latin1");
  return /[\0-\x08\x0a-\x1f\x7f]/.test(text) ? null : { token: text, lifeS };
}

/** As Envoy encodes the parts of a form: all but letters, digits and "-._*". Envoy: PercentEncoding::urlEncode. */
export function formEncode(bytes: Buffer): string {
  return bytes
    .toString("latin1")
    .replace(/[^A-Za-z0-9._*-]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}
