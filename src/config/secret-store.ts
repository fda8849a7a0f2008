import { toJsonString } from "@bufbuild/protobuf";
import type { ContextReader, Secrets, TlsContextSpec, TlsContexts } from "../net/tls/contexts.ts";
import { parseSecret, type SecretKind, type SecretValue, type SecretValues } from "../net/tls/parse-secret.ts";
import type { DownstreamTlsSpec, UpstreamTlsSpec } from "../net/tls/spec.ts";
import type { StatsSlab } from "../observability/stats.ts";
import { type ConfigSourceSpec, parseConfigSource } from "../proto/config-source.ts";
import { type ConfigSource, ConfigSourceSchema } from "../proto/generated/envoy/config/core/v3/config_source_pb.ts";
import type {
  SdsSecretConfig,
  Secret,
} from "../proto/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import type { Problems } from "../proto/problems.ts";
import { suggest } from "../proto/suggest.ts";
import { type ContextCertificates, certificatesOf } from "./certificate-facts.ts";
import { SdsSecret, type SecretOwner } from "./sds-secret.ts";
import { openSecretFile } from "./secret-file.ts";

/** Where the process wants to hear of changes. */
export interface SecretListener {
  /** A context has another Spec. */
  onTlsContext(update: TlsContextSpec<unknown>): void;
  log(level: "debug" | "info" | "warning", message: string): void;
}

/**
 * The secrets of the process and the TLS contexts that name them. A secret that changes is tried in every context that
 * names it; where one refuses, none takes it, and all go on with the last good one.
 */
export class SecretStore implements TlsContexts, SecretOwner {
  /** By name: those of the bootstrap. */
  readonly #static = new Map<string, SecretValue>();
  /** By name and source. */
  readonly #dynamic = new Map<string, SdsSecret>();
  readonly #contexts: OpenContext[] = [];
  #serve: ((secret: SdsSecret, source: ConfigSourceSpec) => void) | null = null;
  readonly #unserved: [SdsSecret, ConfigSourceSpec][] = [];
  #listener: SecretListener | null = null;
  /** What was said before anybody listened. */
  readonly #early: Parameters<SecretListener["log"]>[] = [];

  /** static_resources.secrets. */
  addStatic(messages: readonly Secret[], problems: Problems): void {
    for (const [i, message] of messages.entries()) {
      const value = parseSecret(message, problems.at(`[${i}]`));
      if (value === null) continue;
      if (this.#static.has(message.name)) {
        problems.error(`[${i}].name`, `a second secret is called "${message.name}"`, {
          envoyText: `Duplicate static ${envoyKinds[value.kind]} secret name ${message.name}`,
        });
      }
      this.#static.set(message.name, value);
    }
  }

  /** From now on changes are told. */
  connect(listener: SecretListener): void {
    this.#listener = listener;
    for (const line of this.#early.splice(0)) listener.log(...line);
  }

  /** Who asks control planes for secrets; those that were named before are asked for now. */
  serveFrom(serve: (secret: SdsSecret, source: ConfigSourceSpec) => void): void {
    this.#serve = serve;
    for (const [secret, source] of this.#unserved.splice(0)) serve(secret, source);
  }

  open<Spec extends TlsSpec>(
    read: ContextReader<Spec>,
    problems: Problems,
    owner: string,
    side: "server" | "client",
  ): TlsContextSpec<Spec> {
    return this.#open(read, problems, { owner, side, certificatesOf });
  }

  openText(config: SdsSecretConfig, problems: Problems): TlsContextSpec<string> {
    const read: ContextReader<string> = (secrets, scope) => secrets.resolve(config, "generic_secret", scope);
    return this.#open(read, problems, { owner: "", side: null, certificatesOf: () => noCertificates });
  }

  #open<Spec>(
    read: ContextReader<Spec>,
    problems: Problems,
    {
      owner,
      side,
      certificatesOf,
    }: Pick<OpenContext, "owner" | "side"> & { certificatesOf: (spec: Spec) => ContextCertificates },
  ): TlsContextSpec<Spec> {
    const named = new Set<SdsSecret>();
    const secrets: Secrets = {
      resolve: (config, kind, scope) => {
        if (config.sdsConfig === undefined) return this.#resolveStatic(config.name, kind, scope);
        const secret = this.#subscribe(config, config.sdsConfig, scope);
        if (secret === null) return null;
        named.add(secret);
        return this.#valueOf(secret.name, secret.value, kind, scope);
      },
    };
    const spec = read(secrets, problems);
    const context: TlsContextSpec<Spec> = { id: this.#contexts.length + 1, spec };
    const updates = named.size > 0 && spec !== null ? 1 : 0;
    this.#contexts.push({
      context,
      named,
      owner,
      side,
      updates,
      certificates: spec === null ? noCertificates : certificatesOf(spec),
      read: (scope) => read(secrets, scope),
      certificatesOf: (value) => certificatesOf(value as Spec),
    });
    return context;
  }

  onSecret(secret: SdsSecret, problems: Problems): void {
    const users = this.#contexts.filter(({ named }) => named.has(secret));
    const read = users.map((user) => ({ user, spec: user.read(problems) }));
    if (problems.hasErrors) return;
    for (const { user, spec } of read) {
      // null: another secret of the context is still to come.
      if (spec === null) continue;
      user.context.spec = spec;
      user.certificates = user.certificatesOf(spec);
      user.updates++;
      this.#listener?.onTlsContext(user.context);
    }
  }

  log(level: "debug" | "info" | "warning", message: string): void {
    if (this.#listener === null) this.#early.push([level, message]);
    else this.#listener.log(level, message);
  }

  /** Those that came by SDS, for /config_dump. */
  get sdsSecrets(): readonly SdsSecret[] {
    return [...this.#dynamic.values()];
  }

  /** The names of those that a context waits for. */
  missingSecrets({ id, spec }: TlsContextSpec<unknown>): string[] {
    const context = spec === null ? this.#contexts[id - 1] : undefined;
    return [...(context?.named ?? [])].filter(({ value }) => value === null).map(({ name }) => name);
  }

  /** Those in use, a context each. */
  get certificates(): ContextCertificates[] {
    return this.#contexts.map(({ certificates }) => certificates);
  }

  /** Brings the stats into the main thread's slab. */
  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    for (const secret of this.#dynamic.values()) secret.stats.sync(slab, setTextReadout);
    for (const { owner, side, updates, certificates } of this.#contexts) {
      if (side === null) continue;
      const factory = `${owner}${side}_ssl_socket_factory.`;
      const slot = slab.counter(`${factory}ssl_context_update_by_sds`);
      if (updates > 0) slab.values[slot] = updates;
      for (const name of notReady) slab.counter(factory + name);
      for (const { name, validTo } of [...certificates.authorities, ...certificates.leaves]) {
        const gauge = slab.gauge(`${owner}ssl.certificate.${name}.expiration_unix_time_seconds`);
        slab.values[gauge] = Math.floor(validTo.getTime() / 1000);
      }
    }
  }

  #resolveStatic<Kind extends SecretKind>(name: string, kind: Kind, problems: Problems): SecretValues[Kind] | null {
    const found = this.#static.get(name);
    if (found?.kind === kind) return found.value as SecretValues[Kind];
    const reason =
      found === undefined
        ? `there is no secret "${name}" in static_resources.secrets, and no sds_config to get it from`
        : `secret "${name}" is a ${found.kind}, not a ${kind}`;
    problems.error("name", reason, {
      suggestion: found === undefined ? suggest(name, this.#static.keys()) : null,
      envoyText: `Unknown static ${envoyKinds[kind]}: ${name}`,
    });
    return null;
  }

  #valueOf<Kind extends SecretKind>(
    name: string,
    found: SecretValue | null,
    kind: Kind,
    problems: Problems,
  ): SecretValues[Kind] | null {
    if (found === null) return null;
    if (found.kind === kind) return found.value as SecretValues[Kind];
    problems.error("name", `secret "${name}" is a ${found.kind}, not a ${kind}`);
    return null;
  }

  #subscribe({ name }: SdsSecretConfig, source: ConfigSource, problems: Problems): SdsSecret | null {
    const key = `${name}\0${toJsonString(ConfigSourceSchema, source)}`;
    const known = this.#dynamic.get(key);
    if (known !== undefined) return known;
    const spec = parseConfigSource(source, problems.at("sds_config"));
    if (spec === null) return null;
    const secret = new SdsSecret(name, this, spec.kind === "FILE" ? spec.path : "");
    if (spec.kind !== "FILE") {
      if (this.#serve === null) this.#unserved.push([secret, spec]);
      else this.#serve(secret, spec);
    } else if (!openSecretFile(secret, spec.path, spec.folder, this, problems.at("sds_config"))) return null;
    this.#dynamic.set(key, secret);
    return secret;
  }
}

interface OpenContext {
  context: TlsContextSpec<unknown>;
  /** The secrets by SDS in it. */
  named: ReadonlySet<SdsSecret>;
  /** Stat prefix. */
  owner: string;
  /** null: it is no TLS context. */
  side: "server" | "client" | null;
  /** How often secrets by SDS made it. */
  updates: number;
  certificates: ContextCertificates;
  read(problems: Problems): unknown;
  certificatesOf(spec: unknown): ContextCertificates;
}

type TlsSpec = DownstreamTlsSpec | UpstreamTlsSpec;

const envoyKinds: Record<SecretKind, string> = {
  tls_certificate: "secret",
  validation_context: "certificate validation context",
  session_ticket_keys: "tls session ticket keys",
  generic_secret: "generic secret",
};
const noCertificates: ContextCertificates = { authorities: [], leaves: [] };
/** Envoy shows both at each factory. */
const notReady = ["downstream_context_secrets_not_ready", "upstream_context_secrets_not_ready"];
