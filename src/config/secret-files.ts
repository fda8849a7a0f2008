import { clone } from "@bufbuild/protobuf";
import { readBytes } from "../net/tls/data-source.ts";
import type { DataSource } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import { type Secret, SecretSchema } from "../proto/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import type { Problems } from "../proto/problems.ts";

/** The files that a secret's data sources name. */
export function filesOf(secret: Secret): { files: string[]; folder: string } {
  const files = sourcesOf(secret).flatMap(({ source: { specifier } }) =>
    specifier.case === "filename" ? [specifier.value] : [],
  );
  const { type } = secret;
  const folder =
    type.case === "tlsCertificate" || type.case === "validationContext" ? type.value.watchedDirectory?.path : undefined;
  return { files, folder: folder ?? "" };
}

/** A copy of the secret with what its files hold in their place; null after telling which cannot be read. */
export function inlineFiles(secret: Secret, problems: Problems): Secret | null {
  const before = problems.errorCount;
  const copy = clone(SecretSchema, secret);
  for (const { source, path } of sourcesOf(copy)) {
    if (source.specifier.case !== "filename") continue;
    const bytes = readBytes(source, problems, path);
    if (bytes !== null) source.specifier = { case: "inlineBytes", value: new Uint8Array(bytes) };
  }
  return problems.errorCount > before ? null : copy;
}

interface FoundSource {
  source: DataSource;
  /** Its field path in the secret. */
  path: string;
}

function sourcesOf({ type }: Secret): FoundSource[] {
  return type.case === undefined ? [] : walk(type.value, type.case);
}

function walk(value: unknown, path: string): FoundSource[] {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [];
  if (Array.isArray(value)) return value.flatMap((item, i) => walk(item, `${path}[${i}]`));
  if ((value as { $typeName?: string }).$typeName === "envoy.config.core.v3.DataSource")
    return [{ source: value as DataSource, path: snake(path) }];
  return Object.entries(value).flatMap(([key, child]) => walk(child, `${path}.${key}`));
}

function snake(path: string): string {
  return path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
