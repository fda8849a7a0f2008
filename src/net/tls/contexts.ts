import type { SdsSecretConfig } from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import type { SecretKind, SecretValues } from "./parse-secret.ts";
import type { DownstreamTlsSpec, UpstreamTlsSpec } from "./spec.ts";

/** A TLS context. Its Spec is replaced when a secret that it names changes. Plain data: workers get a copy. */
export interface TlsContextSpec<Spec> {
  /** Of this context in the process: updates come under it. */
  readonly id: number;
  /** null as long as a secret has not come: connections fail. */
  spec: Spec | null;
}

/** The secrets that a context names. */
export interface Secrets {
  /** null where the secret has not come yet, and after telling a fault. */
  resolve<Kind extends SecretKind>(config: SdsSecretConfig, kind: Kind, problems: Problems): SecretValues[Kind] | null;
}

/** Reads a context; null where a secret has not come, and after telling faults. Called again when a secret changes. */
export type ContextReader<Spec> = (secrets: Secrets, problems: Problems) => Spec | null;

/** The TLS contexts of the process, on the main thread. */
export interface TlsContexts {
  /** `owner`: the stat prefix of the listener or cluster, "cluster.a.". */
  open<Spec extends DownstreamTlsSpec | UpstreamTlsSpec>(
    read: ContextReader<Spec>,
    problems: Problems,
    owner: string,
    side: "server" | "client",
  ): TlsContextSpec<Spec>;
  /** A secret that is no TLS context's, such as a token: its wire text. It is updated as a context is. */
  openText(config: SdsSecretConfig, problems: Problems): TlsContextSpec<string>;
}
