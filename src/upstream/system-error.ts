import { errnoText } from "../net/errno.ts";
import { isTlsFailure, tlsFailureText } from "../net/tls/failure-text.ts";

/** What Envoy says of a connect that failed: `delayed connect error: Connection refused`. */
export function connectErrorText(code: string): string {
  if (code.startsWith("TLS")) return code;
  if (isTlsFailure(code)) return tlsFailureText(code);
  const text = errnoText(code);
  if (text === "") return "";
  return `${immediate.has(code) ? "immediate" : "delayed"} connect error: ${text}`;
}

/** connect(2) itself fails, before the loop turns. */
const immediate = new Set(["EACCES", "EADDRNOTAVAIL", "ENETUNREACH", "ENOENT"]);
