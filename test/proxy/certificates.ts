import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Files of one certificate. */
export interface CertificateFiles {
  cert: string;
  key: string;
}

/** A certificate authority made for one test, by the openssl program. */
export class Authority {
  readonly ca: string;
  readonly #folder: string;
  readonly #key: string;

  constructor(folder: string, name = "ca") {
    this.#folder = folder;
    this.ca = join(folder, `${name}.pem`);
    this.#key = join(folder, `${name}.key`);
    openssl(`req -x509 ${ecKey} -nodes -days 2 -keyout ${this.#key} -out ${this.ca} -subj /CN=${name}`);
  }

  /** `san` in openssl's form: "DNS:a.example,URI:spiffe://a"; "" for none. An expired one ended a day ago. */
  issue(
    name: string,
    san: string,
    options: { rsa?: boolean; subject?: string; keyUsage?: string; isExpired?: boolean; isMustStaple?: boolean } = {},
  ): CertificateFiles {
    const at = (end: string) => join(this.#folder, `${name}.${end}`);
    const key = options.rsa ? "-newkey rsa:2048" : ecKey;
    openssl(`req ${key} -nodes -keyout ${at("key")} -out ${at("csr")} -subj ${options.subject ?? `/CN=${name}`}`);
    const usage = options.keyUsage === undefined ? "" : `\nkeyUsage=${options.keyUsage}`;
    const feature = options.isMustStaple ? "\ntlsfeature=status_request" : "";
    writeFileSync(at("ext"), `${san === "" ? "" : `subjectAltName=${san}`}${usage}${feature}`);
    const days = options.isExpired ? -1 : 2;
    openssl(
      `x509 -req -in ${at("csr")} -CA ${this.ca} -CAkey ${this.#key} -CAcreateserial -days ${days} -extfile ${at("ext")} -out ${at("pem")}`,
    );
    return { cert: at("pem"), key: at("key") };
  }

  /** An OCSP response for certificates of ours, valid for a day or, without an end, not at all; a file. */
  answer(name: string, certificates: readonly CertificateFiles[], hasEnd = true): string {
    const at = (end: string) => join(this.#folder, `${name}.ocsp-${end}`);
    writeFileSync(at("index"), "");
    const of = certificates.map(({ cert }) => `-cert ${cert}`).join(" ");
    openssl(`ocsp -issuer ${this.ca} ${of} -no_nonce -reqout ${at("request")}`);
    const signer = `-CA ${this.ca} -rsigner ${this.ca} -rkey ${this.#key}`;
    openssl(
      `ocsp -index ${at("index")} ${signer} -reqin ${at("request")} -respout ${at("der")}${hasEnd ? " -ndays 1" : ""}`,
    );
    return at("der");
  }

  /** A list of revoked certificates, as a file. */
  revoke(...revoked: CertificateFiles[]): string {
    const at = (end: string) => join(this.#folder, `crl.${end}`);
    writeFileSync(at("index"), "");
    writeFileSync(at("cnf"), `[ca]\ndefault_ca=d\n[d]\ndatabase=${at("index")}\ndefault_md=sha256\n`);
    const ca = `ca -config ${at("cnf")} -keyfile ${this.#key} -cert ${this.ca}`;
    for (const { cert } of revoked) openssl(`${ca} -revoke ${cert}`);
    openssl(`${ca} -gencrl -crldays 2 -out ${at("pem")}`);
    return at("pem");
  }
}

function openssl(args: string): void {
  execFileSync("openssl", args.split(" "), { stdio: ["ignore", "ignore", "pipe"] });
}

const ecKey = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
