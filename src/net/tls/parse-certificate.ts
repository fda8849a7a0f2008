import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { checkCoverage } from "../../proto/coverage.ts";
import type { DataSource } from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  type TlsCertificate,
  TlsCertificateSchema,
} from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { alternativeNames } from "./alternative-names.ts";
import { pathOf, readBytes } from "./data-source.ts";
import { extensionOf } from "./der.ts";
import type { TlsCertificateSpec } from "./spec.ts";

/** tls_certificates of a context: read, and known to fit their keys. */
export function parseCertificates(messages: readonly TlsCertificate[], problems: Problems): TlsCertificateSpec[] {
  return messages
    .map((message, i) => parseCertificate(message, unnamedCertificate, problems.at(`tls_certificates[${i}]`)))
    .filter((spec) => spec !== null);
}

/** One certificate with its key; `name` is that of its secret. null after telling a fault. */
export function parseCertificate(message: TlsCertificate, name: string, problems: Problems): TlsCertificateSpec | null {
  checkCoverage(TlsCertificateSchema, message, problems, {
    honoured: ["certificate_chain", "private_key", "password", "pkcs12", "ocsp_staple"],
    harmless: ["watched_directory", "signed_certificate_timestamp"],
  });
  const ocspResponse = readStaple(message.ocspStaple, problems);
  if (message.pkcs12 !== undefined) return parsePkcs12(message, name, ocspResponse, problems);
  const chain = readBytes(message.certificateChain, problems, "certificate_chain");
  const keyBytes = readBytes(message.privateKey, problems, "private_key");
  const password = message.password === undefined ? null : readBytes(message.password, problems, "password");
  if (chain === null || keyBytes === null) return null;
  const leaf = readLeaf(chain, problems);
  const passphrase = password?.toString() ?? "";
  const key = readKey(keyBytes, passphrase, problems);
  if (leaf === null || key === null) return null;
  if (!leaf.checkPrivateKey(key)) {
    problems.error("private_key", "does not belong to the certificate", {
      envoyText: "Failed to load private key: KEY_VALUES_MISMATCH",
    });
    return null;
  }
  return {
    chain: chain.toString(),
    key: keyBytes.toString(),
    pkcs12: "",
    password: passphrase,
    names: namesOf(leaf),
    name,
    path: pathOf(message.certificateChain),
    ocspResponse,
    ...factsOf(leaf),
  };
}

function factsOf(leaf: X509Certificate): Pick<TlsCertificateSpec, "isMustStaple" | "isEcdsa"> {
  return {
    isMustStaple: extensionOf(leaf.raw, tlsFeature)?.toString("hex") === statusRequest,
    isEcdsa: leaf.publicKey.asymmetricKeyType === "ec",
  };
}

/** Base64. */
function readStaple(source: DataSource | undefined, problems: Problems): string {
  if (source === undefined) return "";
  if (source.specifier.case === "inlineString") {
    problems.error("ocsp_staple", "is binary: give inline_bytes or a file", {
      envoyText: "OCSP staple cannot be provided via inline_string",
    });
    return "";
  }
  return readBytes(source, problems, "ocsp_staple")?.toString("base64") ?? "";
}

function parsePkcs12(
  message: TlsCertificate,
  name: string,
  ocspResponse: string,
  problems: Problems,
): TlsCertificateSpec | null {
  if (message.certificateChain !== undefined || message.privateKey !== undefined) {
    problems.error("pkcs12", "holds certificate and key: certificate_chain and private_key must not be set beside it", {
      envoyText: "Certificate configuration can't have both pkcs12 and private_key or certificate_chain",
    });
  }
  const bytes = readBytes(message.pkcs12, problems, "pkcs12");
  const password = message.password === undefined ? null : readBytes(message.password, problems, "password");
  if (bytes === null) return null;
  const passphrase = password?.toString() ?? "";
  try {
    const { context } = createSecureContext({ pfx: [{ buf: bytes, passphrase }] });
    // The leaf in DER; there is no public way to it.
    const leaf = new X509Certificate((context as { getCertificate(): Buffer }).getCertificate());
    return {
      chain: leaf.toString(),
      key: "",
      pkcs12: bytes.toString("base64"),
      password: passphrase,
      names: namesOf(leaf),
      name,
      path: pathOf(message.pkcs12),
      ocspResponse,
      ...factsOf(leaf),
    };
  } catch (error) {
    problems.error("pkcs12", `cannot be opened: ${reasonOf(error)}`, {
      envoyText: `Failed to load pkcs12 from ${pathOf(message.pkcs12)}`,
    });
    return null;
  }
}

function readLeaf(chain: Buffer, problems: Problems): X509Certificate | null {
  try {
    return new X509Certificate(chain);
  } catch (error) {
    problems.error("certificate_chain", `is no certificate in PEM: ${reasonOf(error)}`, {
      envoyText: "Failed to load certificate chain from <inline>",
    });
    return null;
  }
}

function readKey(bytes: Buffer, passphrase: string, problems: Problems): KeyObject | null {
  try {
    return createPrivateKey({ key: bytes, format: "pem", ...(passphrase === "" ? {} : { passphrase }) });
  } catch (error) {
    problems.error("private_key", `is no private key in PEM: ${reasonOf(error)}`, {
      envoyText: "Failed to load private key from <inline>",
    });
    return null;
  }
}

/** DNS names for the choice by SNI; of a certificate without any, its common name. */
function namesOf(leaf: X509Certificate): string[] {
  const names = alternativeNames(leaf)
    .filter(({ type }) => type === "DNS")
    .map(({ value }) => value.toLowerCase());
  if (names.length > 0) return names;
  const common = /^CN=(.*)$/m.exec(leaf.subject ?? "")?.[1];
  return common === undefined ? [] : [common.toLowerCase()];
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Envoy's name of a certificate without one; the digits are of a hash over nothing. */
const unnamedCertificate = "unnamed_cert_e3b0c442";
/** RFC 7633: id-pe-tlsfeature, and a list of status_request alone. */
const tlsFeature = "2b06010505070118";
const statusRequest = "3003020105";
