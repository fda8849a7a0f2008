import { equals } from "@bufbuild/protobuf";
import { FileWatch } from "../net/file-watch.ts";
import { parseSecret, type SecretValue } from "../net/tls/parse-secret.ts";
import { type Secret, SecretSchema } from "../proto/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { Problems } from "../proto/problems.ts";
import { type Refusal, refusalOf } from "./dynamic/records.ts";
import { formatProblems } from "./report.ts";
import { filesOf, inlineFiles } from "./secret-files.ts";
import { SubscriptionStats } from "./subscription-stats.ts";

/** Who uses a secret. */
export interface SecretOwner {
  /** Has all contexts take the secret's new value; faults, which refuse it for all, are in `problems`. */
  onSecret(secret: SdsSecret, problems: Problems): void;
  log(level: "debug" | "info" | "warning", message: string): void;
}

/** A secret that comes by SDS and changes. What is refused leaves the last good one in use. Envoy: SdsApi. */
export class SdsSecret {
  readonly name: string;
  /** The file that it comes from; "" for a stream. */
  readonly path: string;
  readonly stats: SubscriptionStats;
  /** null: none has come. */
  value: SecretValue | null = null;
  /** As it is in use, files read; for /config_dump. */
  message: Secret | null = null;
  versionInfo = "";
  updatedAt = new Date(0);
  /** Of the newest one; null when it is in use. */
  refusal: Refusal | null = null;
  readonly #owner: SecretOwner;
  /** As it came, files named. */
  #raw: Secret | null = null;
  #watches: FileWatch[] = [];

  constructor(name: string, owner: SecretOwner, path = "") {
    this.name = name;
    this.path = path;
    this.stats = new SubscriptionStats(`sds.${name}.`, ["key_rotation_failed"]);
    this.#owner = owner;
  }

  /** One response of the source. "" when it is accepted; else why not. */
  offer(resources: readonly Secret[], versionInfo: string, problems = new Problems()): string {
    const [secret] = resources;
    if (secret === undefined || resources.length > 1) {
      problems.error("", `holds ${resources.length} secrets where one is asked for, "${this.name}"`, {
        envoyText: `Unexpected SDS secrets length: ${resources.length}`,
      });
    } else if (secret.name !== this.name) {
      problems.error("name", `is "${secret.name}", not "${this.name}"`, {
        envoyText: `Unexpected SDS secret (expecting ${this.name}): ${secret.name}`,
      });
    } else this.#take(secret, problems);
    if (problems.hasErrors) return this.refuse(versionInfo, problems, secret ?? null);
    this.refusal = null;
    this.versionInfo = versionInfo;
    this.stats.onSuccess(versionInfo, Date.now());
    return "";
  }

  /** Keeps why a version is not taken. Answers the reasons in words. */
  refuse(versionInfo: string, problems: Problems, secret: Secret | null): string {
    this.refusal = refusalOf(versionInfo, problems, secret);
    this.stats.count("update_rejected");
    return this.refusal.details;
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
  }

  #take(raw: Secret, problems: Problems): void {
    const inlined = inlineFiles(raw, problems);
    // The files may come right later: those of a refused secret are watched too.
    this.#watch(raw);
    const value = inlined === null ? null : parseSecret(inlined, problems);
    if (inlined === null || value === null) return;
    if (this.message !== null && equals(SecretSchema, inlined, this.message)) return;
    const before = this.value;
    this.value = value;
    this.#owner.onSecret(this, problems);
    if (problems.hasErrors) {
      this.value = before;
      return;
    }
    this.message = inlined;
    this.updatedAt = new Date();
  }

  #watch(raw: Secret): void {
    if (raw === this.#raw) return;
    this.#raw = raw;
    this.close();
    const { files, folder } = filesOf(raw);
    const paths = folder === "" ? files : files.slice(0, 1);
    this.#watches = paths.map((path) => new FileWatch(path, folder, () => this.#rotate()));
  }

  /** A file of the secret is another one now. Until the last of a set has come, key and certificate may not fit. */
  #rotate(): void {
    if (this.#raw === null) return;
    const problems = new Problems();
    const before = this.message;
    this.#take(this.#raw, problems);
    if (!problems.hasErrors) {
      if (this.message !== before) this.#owner.log("info", `secret ${this.name}: its files have changed`);
      return;
    }
    this.stats.count("key_rotation_failed");
    this.#owner.log("warning", `secret ${this.name}: ${formatProblems(problems.list, () => null)}`);
  }
}
