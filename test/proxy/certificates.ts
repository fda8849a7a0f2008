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

  /** `san` in openssl's form: "DNS:a.example,URI:spiffe://a". */
  issue(
    name: string,
    san: string,
    options: { rsa?: boolean; subject?: string; keyUsage?: string } = {},
  ): CertificateFiles {
    const at = (end: string) => join(this.#folder, `${name}.${end}`);
    const key = options.rsa ? "-newkey rsa:2048" : ecKey;
    openssl(`req ${key} -nodes -keyout ${at("key")} -out ${at("csr")} -subj ${options.subject ?? `/CN=${name}`}`);
    const usage = options.keyUsage === undefined ? "" : `\nkeyUsage=${options.keyUsage}`;
    writeFileSync(at("ext"), `subjectAltName=${san}${usage}`);
    openssl(
      `x509 -req -in ${at("csr")} -CA ${this.ca} -CAkey ${this.#key} -CAcreateserial -days 2 -extfile ${at("ext")} -out ${at("pem")}`,
    );
    return { cert: at("pem"), key: at("key") };
  }
}

function openssl(args: string): void {
  execFileSync("openssl", args.split(" "), { stdio: ["ignore", "ignore", "pipe"] });
}

const ecKey = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
