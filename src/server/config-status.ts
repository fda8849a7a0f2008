import { differenceOf } from "../config/dynamic/change-difference.ts";
import type { DynamicConfig } from "../config/dynamic/dynamic-config.ts";
import type { JournalSource } from "../config/dynamic/journal-entry.ts";
import type { RefusedProblem } from "../config/dynamic/records.ts";
import { type ResourceType, resourceTypes } from "../config/dynamic/resource-types.ts";
import type { Waiting } from "../config/dynamic/waiting.ts";
import type { Difference } from "../config/json-difference.ts";
import type { SecretStore } from "../config/secret-store.ts";
import type { ControlPlanes, StreamStatus } from "./control-planes.ts";

/** The config that comes from outside: what serves, what is refused and why, what is waited for. */
export interface ConfigStatus {
  /** false: the process waits for some of it before it serves at all. */
  isServing: boolean;
  /** Those that are asked for. */
  types: TypeStatus[];
}

/** Of one type. */
export interface TypeStatus {
  type: ResourceType;
  sources: SourceStatus[];
  /** How many are in force or warming. */
  resourceCount: number;
  refused: RefusedStatus[];
  waiting: Waiting[];
}

/** A source of a type. */
export interface SourceStatus {
  source: string;
  state: "connected" | "disconnected" | "read" | "unreadable" | "refused";
  /** Of the state. */
  since: Date;
  /** control_plane.identifier */
  controlPlane: string;
  /** The version last taken as a whole; "" for none, or one without a name. */
  version: string;
  acceptedAt: Date | null;
  /** Why the last stream ended or the file cannot be read. */
  failure: { at: Date; text: string; retryAt: Date | null } | null;
}

/** A resource whose newest version is refused. */
export interface RefusedStatus {
  name: string;
  version: string;
  at: Date;
  /** The version that serves; null: none does. */
  liveVersion: string | null;
  /** Of the refused version itself all but the faults serves: nuncio.isolate_bad_routes. */
  isPartial: boolean;
  problems: readonly RefusedProblem[];
  /** The problems as they were told. */
  details: string;
  /** From what serves to what is refused; null where one of them is not known. */
  difference: Difference[] | null;
}

/** All of it, as it is now. */
export function configStatus(config: DynamicConfig, secrets: SecretStore, planes: ControlPlanes): ConfigStatus {
  const { journal } = config;
  const waiting = config.waiting();
  const types = resourceTypes.map((type): TypeStatus => {
    const sources = journal.sources
      .filter(({ typeUrl }) => typeUrl === type.typeUrl)
      .map((source) => sourceStatus(source, planes));
    const records = journal.records(type.typeUrl);
    return {
      type,
      sources: type.short === "sds" ? [...sources, ...secretFiles(secrets)] : sources,
      resourceCount:
        type.short === "sds"
          ? secrets.sdsSecrets.filter(({ message }) => message !== null).length
          : records.filter(({ message }) => message !== null).length,
      refused:
        type.short === "sds"
          ? refusedSecrets(secrets)
          : records.flatMap(({ name, version, message, bytes, refusal }) =>
              refusal === null
                ? []
                : [
                    {
                      name,
                      ...refusal,
                      liveVersion: message === null ? null : version,
                      difference: differenceOf(type.typeUrl, { before: bytes, bytes: refusal.bytes }),
                    },
                  ],
            ),
      waiting: type.short === "lds" ? waitingFor(waiting.listeners) : type.short === "cds" ? waiting.clusters : [],
    };
  });
  return {
    isServing: waiting.isServing,
    types: types.filter(({ sources, waiting }) => sources.length > 0 || waiting.length > 0),
  };
}

function waitingFor(listeners: readonly Waiting[]): Waiting[] {
  return listeners.filter(({ for: waits }) => waits.length > 0);
}

function sourceStatus(source: JournalSource, planes: ControlPlanes): SourceStatus {
  const { stream, version, acceptedAt, failure } = source;
  const told = { source: source.source, version, acceptedAt };
  if (stream !== null) return { ...told, ...streamState(planes.status(stream.api, stream.typeUrl), source.askedAt) };
  const since = source.answeredAt ?? source.askedAt;
  return failure === null
    ? { ...told, state: "read", since, controlPlane: "", failure: null }
    : { ...told, state: "unreadable", since: failure.at, controlPlane: "", failure: { ...failure, retryAt: null } };
}

function streamState(
  status: StreamStatus | null,
  askedAt: Date,
): Pick<SourceStatus, "state" | "since" | "controlPlane" | "failure"> {
  if (status === null) return { state: "disconnected", since: askedAt, controlPlane: "", failure: null };
  const { isOpen, since, controlPlane, lastEnd } = status;
  return { state: isOpen ? "connected" : "disconnected", since, controlPlane, failure: lastEnd };
}

/** Each file of secrets is a source of its own. */
function secretFiles(secrets: SecretStore): SourceStatus[] {
  return secrets.sdsSecrets
    .filter(({ path }) => path !== "")
    .map(({ path, versionInfo, updatedAt, message, refusal }) => ({
      source: path,
      state: refusal === null ? "read" : "refused",
      since: refusal?.at ?? updatedAt,
      controlPlane: "",
      version: versionInfo,
      acceptedAt: message === null ? null : updatedAt,
      failure: null,
    }));
}

/** Without a difference: it would show what is secret. */
function refusedSecrets(secrets: SecretStore): RefusedStatus[] {
  return secrets.sdsSecrets.flatMap(({ name, versionInfo, message, refusal }) =>
    refusal === null
      ? []
      : [{ name, ...refusal, liveVersion: message === null ? null : versionInfo, difference: null }],
  );
}
