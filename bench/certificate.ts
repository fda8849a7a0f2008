import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Files of the proxies' certificate. */
export interface CertificateFiles {
  chain: string;
  key: string;
  /** Both, as HAProxy wants them. */
  both: string;
}

/** Makes a self-signed ECDSA P-256 certificate for localhost, by the openssl program. */
export function makeCertificate(folder: string, name = "cert"): CertificateFiles {
  const file = (part: string) => join(folder, `${name}-${part}.pem`);
  const files = { chain: file("chain"), key: file("key"), both: file("both") };
  const subject = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", files.key];
  execFileSync("openssl", ["req", "-x509", ...key, ...subject, "-out", files.chain], { stdio: "ignore" });
  writeFileSync(files.both, readFileSync(files.chain, "latin1") + readFileSync(files.key, "latin1"));
  return files;
}
