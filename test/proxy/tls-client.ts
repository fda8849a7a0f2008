import { readFileSync } from "node:fs";
import { type ConnectionOptions, connect } from "node:tls";
import type { CertificateFiles } from "./certificates.ts";

/** What one TLS connection with one HTTP/1.1 request came to. */
export interface TlsAnswer {
  /** Of the response; "refused" where none came. */
  status: string;
  body: string;
  /** Empty where nothing was answered: versions before 1.3 refuse earlier. */
  version: string;
  cipher: string;
  alpn: string;
  /** The CN of the server's certificate. */
  certificate: string;
}

/** Asks over TLS and verifies nothing. `head` is what stands behind the request line's path. */
export function askOverTls(
  port: number,
  options: ConnectionOptions = {},
  path = "/",
  fields: readonly string[] = [],
): Promise<TlsAnswer> {
  return new Promise((resolve) => {
    const seen = { version: "", cipher: "", alpn: "", certificate: "" };
    let text = "";
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options });
    socket.once("secureConnect", () => {
      seen.version = socket.getProtocol() ?? "";
      seen.cipher = socket.getCipher().name;
      seen.alpn = socket.alpnProtocol || "-";
      seen.certificate = String(socket.getPeerCertificate().subject?.CN);
      socket.write(`GET ${path} HTTP/1.1\r\n${["Host: a", "Connection: close", ...fields].join("\r\n")}\r\n\r\n`);
    });
    socket.on("data", (data) => (text += data.toString("latin1")));
    socket.on("error", () => {});
    socket.once("close", () => {
      const status = /^HTTP\/1.1 (\d+)/.exec(text)?.[1];
      if (status === undefined)
        resolve({ status: "refused", body: "", version: "", cipher: "", alpn: "", certificate: "" });
      else resolve({ status, body: text.slice(text.indexOf("\r\n\r\n") + 4), ...seen });
    });
  });
}

/** A client's certificate for askOverTls. */
export function certificateOf(files: CertificateFiles | null): ConnectionOptions {
  return files === null ? {} : { cert: readFileSync(files.cert), key: readFileSync(files.key) };
}

/** As a bootstrap has it. */
export function certificatePair(files: CertificateFiles): object {
  return { certificate_chain: { filename: files.cert }, private_key: { filename: files.key } };
}
