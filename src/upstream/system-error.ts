import { tlsFailureText } from "../net/tls/client-tls.ts";

/** What Envoy says of a connect that failed: `delayed connect error: Connection refused`. */
export function connectErrorText(code: string): string {
  if (code.startsWith("TLS_error") || code.startsWith("ERR_SSL_")) return tlsFailureText(code);
  const text = texts[code] ?? code;
  if (text === "") return "";
  return `${immediate.has(code) ? "immediate" : "delayed"} connect error: ${text}`;
}

/** strerror of what connect(2) answers. */
const texts: Record<string, string> = {
  EACCES: "Permission denied",
  EADDRINUSE: "Address already in use",
  EADDRNOTAVAIL: "Cannot assign requested address",
  ECONNREFUSED: "Connection refused",
  ECONNRESET: "Connection reset by peer",
  EHOSTUNREACH: "No route to host",
  EMFILE: "Too many open files",
  ENETUNREACH: "Network is unreachable",
  ENOENT: "No such file or directory",
  EPIPE: "Broken pipe",
  ETIMEDOUT: "Connection timed out",
};

/** connect(2) itself fails, before the loop turns. */
const immediate = new Set(["EACCES", "EADDRNOTAVAIL", "ENETUNREACH", "ENOENT"]);
