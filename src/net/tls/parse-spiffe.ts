import { X509Certificate } from "node:crypto";
import { unpackExtension } from "../../proto/any.ts";
import { checkCoverage } from "../../proto/coverage.ts";
import type { TypedExtensionConfig } from "../../proto/generated/envoy/config/core/v3/extension_pb.ts";
import {
  type SPIFFECertValidatorConfig,
  SPIFFECertValidatorConfig_TrustDomainSchema,
  SPIFFECertValidatorConfigSchema,
} from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { readBytes } from "./data-source.ts";
import type { SpiffeDomainSpec } from "./spec.ts";

/** The trust domains of a SPIFFE validator, and the PEM of all their bundles. */
export interface Spiffe {
  domains: SpiffeDomainSpec[];
  ca: string;
}

/** custom_validator_config; null after telling a fault. */
export function parseCustomValidator(message: TypedExtensionConfig, problems: Problems): Spiffe | null {
  const unpacked = unpackExtension(message.name, message.typedConfig, problems, "typed_config");
  if (unpacked === null) return null;
  if (unpacked.desc.typeName !== SPIFFECertValidatorConfigSchema.typeName) {
    problems.error("typed_config", `the validator ${unpacked.desc.typeName} is not implemented in Nuncio`);
    return null;
  }
  return parseSpiffe(unpacked.message as SPIFFECertValidatorConfig, problems.at("typed_config"));
}

function parseSpiffe(message: SPIFFECertValidatorConfig, problems: Problems): Spiffe | null {
  checkCoverage(SPIFFECertValidatorConfigSchema, message, problems, { honoured: ["trust_domains"], harmless: [] });
  const before = problems.errorCount;
  const bundles: string[] = [];
  const domains = message.trustDomains.map((domain, i) => {
    const scope = problems.at(`trust_domains[${i}]`);
    checkCoverage(SPIFFECertValidatorConfig_TrustDomainSchema, domain, scope, {
      honoured: ["name", "trust_bundle"],
      harmless: [],
    });
    if (message.trustDomains.findIndex(({ name }) => name === domain.name) < i) {
      scope.error("name", `a second trust domain is called "${domain.name}"`, {
        envoyText: `Multiple trust bundles are given for one trust domain for ${domain.name}`,
      });
    }
    const pem = readBytes(domain.trustBundle, scope, "trust_bundle")?.toString() ?? "";
    bundles.push(pem);
    return { name: domain.name, authorities: fingerprints(pem, scope) };
  });
  return problems.errorCount > before ? null : { domains, ca: bundles.join("\n") };
}

function fingerprints(pem: string, problems: Problems): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length > 0) return blocks.map((block) => new X509Certificate(block).fingerprint256);
    problems.error("trust_bundle", "holds no certificate in PEM", {
      envoyText: "Failed to load trusted CA certificate from <inline>",
    });
  } catch (error) {
    problems.error("trust_bundle", `is not readable: ${error instanceof Error ? error.message : String(error)}`);
  }
  return [];
}
