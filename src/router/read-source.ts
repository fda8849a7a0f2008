import { readFileSync } from "node:fs";
import type { DataSource } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import type { Problems } from "../proto/problems.ts";

/** The bytes of a DataSource, files read now. Empty after telling why they cannot be had. */
export function readSource(source: DataSource, problems: Problems): Uint8Array {
  const specifier = source.specifier;
  switch (specifier.case) {
    case "inlineString":
      return new TextEncoder().encode(specifier.value);
    case "inlineBytes":
      return specifier.value;
    case "filename":
      return readFile(specifier.value, problems);
    case "environmentVariable": {
      const value = process.env[specifier.value];
      if (value === undefined)
        problems.error("environment_variable", `${specifier.value} is not set`, {
          envoyText: `Environment variable doesn't exist: ${specifier.value}`,
        });
      return new TextEncoder().encode(value ?? "");
    }
    case undefined:
      problems.error("", "is empty");
      return new Uint8Array();
  }
}

function readFile(path: string, problems: Problems): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    // Whatever the file system says is the configuration's fault.
    problems.error("filename", error instanceof Error ? error.message : String(error), {
      envoyText: `file ${path} does not exist`,
    });
    return new Uint8Array();
  }
}
