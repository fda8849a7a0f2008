import { existsSync } from "node:fs";
import { FileWatch } from "../net/file-watch.ts";
import { unpackAs } from "../proto/any.ts";
import { SecretSchema } from "../proto/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { Problems } from "../proto/problems.ts";
import { refusalOf } from "./dynamic/records.ts";
import { loadResources } from "./load.ts";
import { formatProblems } from "./report.ts";
import type { SdsSecret, SecretOwner } from "./sds-secret.ts";

/** Feeds a secret from a file of resources, now and whenever another file is at its path. False after telling why there can be none. */
export function openSecretFile(
  secret: SdsSecret,
  path: string,
  folder: string,
  owner: SecretOwner,
  problems: Problems,
): boolean {
  if (!existsSync(path)) {
    problems.error("path_config_source.path", `there is no file "${path}"`, {
      envoyText: `paths must refer to an existing path in the system: '${path}' does not exist`,
    });
    return false;
  }
  readSecretFile(secret, path, owner);
  new FileWatch(path, folder, () => readSecretFile(secret, path, owner));
  return true;
}

function readSecretFile(secret: SdsSecret, path: string, owner: SecretOwner): void {
  secret.stats.count("update_attempt");
  const loaded = loadResources(path, "warn");
  const problems = new Problems("", loaded.problems);
  const resources = (loaded.message?.resources ?? [])
    .map((any, i) => unpackAs(SecretSchema, any, problems, `resources[${i}]`))
    .filter((message) => message !== null);
  if (loaded.message === null || problems.hasErrors) {
    // Envoy: a response that can be read at all is rejected for what is in it.
    const isResponse = problems.list.some(({ path: fieldPath }) => fieldPath.startsWith("resources"));
    secret.stats.count(isResponse ? "update_rejected" : "update_failure");
    const errors = problems.list.filter(({ severity }) => severity === "error");
    const details = formatProblems(errors, (problem) => loaded.locations.get(problem) ?? null);
    secret.refusal = { ...refusalOf(loaded.message?.versionInfo ?? "", problems, null), details };
    owner.log("warning", `secret ${secret.name}: ${details}`);
    return;
  }
  const refusal = secret.offer(resources, loaded.message.versionInfo);
  if (refusal === "") return;
  // A misspelt field is why something is missing.
  const warnings = formatProblems(problems.list, (problem) => loaded.locations.get(problem) ?? null);
  const details = warnings === "" ? refusal : `${refusal}\n${warnings}`;
  if (secret.refusal !== null) secret.refusal.details = details;
  owner.log("warning", `secret ${secret.name} of ${path} is refused: ${details}`);
}
