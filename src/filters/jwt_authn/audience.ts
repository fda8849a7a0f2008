/** As audiences are compared: without a scheme and the "/" at the end. Envoy: sanitizeAudience of jwt_verify_lib. */
export function withoutSlash(audience: string): string {
  const text = audience.replace(/^https?:\/\//, "");
  return text.endsWith("/") ? text.slice(0, -1) : text;
}
