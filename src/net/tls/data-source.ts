import { readFileSync } from "node:fs";
import type { DataSource } from "../../proto/generated/envoy/config/core/v3/base_pb.ts";
import type { Problems } from "../../proto/problems.ts";

/** What a DataSource gives; null after telling why there is nothing. `path` is the field's. */
export function readBytes(source: DataSource | undefined, problems: Problems, path: string): Buffer | null {
  const specifier = source?.specifier;
  switch (specifier?.case) {
    case "filename":
      try {
        return readFileSync(specifier.value);
      } catch (error) {
        const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : String(error);
        problems.error(`${path}.filename`, `cannot read "${specifier.value}": ${reason}`, {
          envoyText: `Invalid path: ${specifier.value}`,
        });
        return null;
      }
    case "inlineBytes":
      return Buffer.from(specifier.value);
    case "inlineString":
      return Buffer.from(specifier.value);
    case "environmentVariable": {
      const value = process.env[specifier.value];
      if (value !== undefined) return Buffer.from(value);
      problems.error(`${path}.environment_variable`, `the variable "${specifier.value}" is not set`, {
        envoyText: `Environment variable doesn't exist: ${specifier.value}`,
      });
      return null;
    }
    default:
      problems.error(path, "is empty");
      return null;
  }
}

/** Envoy's word for where it is from: the file, or "<inline>". */
export function pathOf(source: DataSource | undefined): string {
  return source?.specifier.case === "filename" ? source.specifier.value : "<inline>";
}
