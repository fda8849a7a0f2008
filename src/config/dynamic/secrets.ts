import { create } from "@bufbuild/protobuf";
import type { ConfigSourceSpec } from "../../proto/config-source.ts";
import { SecretSchema } from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import { Problems } from "../../proto/problems.ts";
import type { XdsUpdate } from "../../xds-client/subscription.ts";
import type { SdsSecret } from "../sds-secret.ts";
import { ResourceRecords, readResource } from "./records.ts";
import type { ResourceSources, ResourceTaker } from "./sources.ts";

/** SDS over a stream: hands each secret to who asked for it by its name. */
export class DynamicSecrets implements ResourceTaker {
  readonly typeUrl = `type.googleapis.com/${SecretSchema.typeName}`;
  /** What changed, without the secrets themselves. */
  readonly records = new ResourceRecords();
  readonly #sources: ResourceSources;
  readonly #secrets = new Map<string, SdsSecret>();
  readonly #onChange: () => void;

  constructor(sources: ResourceSources, onChange: () => void) {
    this.#sources = sources;
    this.#onChange = onChange;
  }

  subscribe(secret: SdsSecret, source: ConfigSourceSpec): void {
    this.#secrets.set(secret.name, secret);
    secret.stats.count("update_attempt");
    this.#sources.add(source, this, secret.name);
  }

  onUpdate(update: XdsUpdate): string {
    const refusals: string[] = [];
    for (const { name, version, value } of update.resources) {
      if (value === null) continue;
      const problems = new Problems();
      const message = readResource(SecretSchema, value, problems);
      const toldName = message?.name ?? name;
      const secret = this.#secrets.get(toldName);
      if (message === null || problems.hasErrors) secret?.refuse(version, problems, null);
      else {
        const before = secret?.message;
        secret?.offer([message], version, problems);
        // Old secrets are not kept.
        if (secret !== undefined && secret.message !== before)
          this.records.accept(toldName, version, () => create(SecretSchema, { name: toldName }), null, false);
      }
      if (problems.hasErrors) refusals.push(`${toldName}: ${this.records.refuse(toldName, version, problems, null)}`);
    }
    this.#onChange();
    return refusals.join("\n");
  }

  onAttempt(name: string): void {
    this.#secrets.get(name)?.stats.count("update_attempt");
  }

  onFailure(name: string): void {
    for (const one of name === "*" ? this.#secrets.keys() : [name])
      this.#secrets.get(one)?.stats.count("update_failure");
  }

  onFetchTimeout(name: string): void {
    this.#secrets.get(name)?.stats.count("init_fetch_timeout");
    this.#onChange();
  }
}
