/** What strerror says of a system error, by its code; the code itself where it is none of a socket. */
export function errnoText(code: string): string {
  return texts[code] ?? code;
}

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
