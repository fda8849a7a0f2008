import { addressText } from "../../net/address.ts";
import type { StatsSlab } from "../../observability/stats.ts";
import { type Cluster, ClusterSchema } from "../../proto/generated/envoy/config/cluster/v3/cluster_pb.ts";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "../../proto/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { Problems } from "../../proto/problems.ts";
import { clusterStatPrefix } from "../../upstream/cluster-stats.ts";
import { type ClusterParseOptions, parseCluster } from "../../upstream/parse.ts";
import { parseLocalities } from "../../upstream/parse-endpoints.ts";
import { socketChoice } from "../../upstream/parse-socket-matches.ts";
import type { ClusterSpec, HostUpdate, LocalitySpec } from "../../upstream/spec.ts";
import type { XdsUpdate } from "../../xds-client/subscription.ts";
import { SubscriptionStats } from "../subscription-stats.ts";
import { type ResourceRecord, ResourceRecords, readResource, warningText } from "./records.ts";
import type { ResourceSources, ResourceTaker } from "./sources.ts";
import type { Waiting } from "./waiting.ts";

/** What clusters that change are told to. */
export interface ClusterTarget {
  /** It is whole: its endpoints are in the spec, or DNS finds them. Settles when it can be used. */
  putCluster(spec: ClusterSpec): Promise<void>;
  removeCluster(name: string): void;
  putHosts(update: HostUpdate): void;
  log(level: "info" | "warning", message: string): void;
  count(
    name: "cluster_manager.cluster_added" | "cluster_manager.cluster_modified" | "cluster_manager.cluster_removed",
  ): void;
}

interface ClusterVersion {
  spec: ClusterSpec;
  message: Cluster;
}

interface Entry extends ClusterVersion {
  record: ResourceRecord;
  /** null for a static cluster of the bootstrap. */
  /** The version that serves as long as this one is warming, and takes its endpoints; null: none, or this one serves. */
  serving: ClusterVersion | null;
  isStatic: boolean;
  /** Of its endpoints; null unless EDS. */
  stats: SubscriptionStats | null;
}

/** CDS and EDS: clusters come, are warmed, change and go. Envoy: CdsApiImpl, ClusterManagerImpl, EdsClusterImpl. */
export class DynamicClusters implements ResourceTaker {
  readonly typeUrl = `type.googleapis.com/${ClusterSchema.typeName}`;
  readonly stats = new SubscriptionStats("cluster_manager.cds.");
  readonly records = new ResourceRecords();
  readonly endpoints: EndpointTaker;
  readonly #options: ClusterParseOptions;
  readonly #sources: ResourceSources;
  readonly #target: ClusterTarget;
  readonly #entries = new Map<string, Entry>();
  /** Whether the first response was taken, or none came in time. */
  #hasAnswered = false;
  readonly #onWarm: () => void;

  /** `onWarm` is called whenever no cluster waits for anything after the first response. */
  constructor(options: ClusterParseOptions, sources: ResourceSources, target: ClusterTarget, onWarm: () => void) {
    this.#options = options;
    this.#sources = sources;
    this.#target = target;
    this.#onWarm = onWarm;
    this.endpoints = new EndpointTaker(this);
  }

  /** A cluster of the bootstrap, which is not to be changed from outside; its endpoints may come by EDS. */
  addStatic(spec: ClusterSpec, message: Cluster): void {
    const record: ResourceRecord = {
      name: spec.name,
      message: () => message,
      version: "",
      updatedAt: new Date(),
      bytes: null,
      isWarming: spec.eds !== null,
      before: null,
      refusal: null,
    };
    this.#entries.set(spec.name, { spec, message, record, serving: null, isStatic: true, stats: statsOf(spec) });
    if (spec.eds !== null) this.#sources.add(spec.eds.source, this.endpoints, spec.eds.serviceName);
  }

  onUpdate(update: XdsUpdate): string {
    const refusals: string[] = [];
    const present = new Set<string>();
    let isUnreadable = false;
    for (const { name: toldName, version, value } of update.resources) {
      if (value === null) {
        present.add(toldName);
        continue;
      }
      const problems = new Problems();
      const message = readResource(ClusterSchema, value, problems);
      const name = message?.name ?? toldName;
      present.add(name);
      if (message === null) isUnreadable = true;
      if (message !== null && !problems.hasErrors && !this.records.confirm(name, value.value))
        this.#take(message, version, value.value, problems);
      if (!problems.hasErrors) continue;
      const text = this.records.refuse(name, version, problems, message, value.value);
      refusals.push(`${name}: ${text}`);
    }
    // What cannot be read may be any of them.
    const gone = isUnreadable
      ? []
      : update.isWholeState
        ? this.records
            .all()
            .filter(({ name }) => !present.has(name))
            .map(({ name }) => name)
        : update.removed;
    for (const name of gone) this.#remove(name);
    this.#hasAnswered = true;
    const refusal = refusals.length === 0 ? "" : `Error adding/updating cluster(s) ${refusals.join("\n")}`;
    if (refusal === "") this.stats.onSuccess(update.version, Date.now());
    else this.stats.count("update_rejected");
    this.#checkWarm();
    return refusal;
  }

  onAttempt(): void {
    this.stats.count("update_attempt");
  }

  onFailure(): void {
    this.stats.count("update_failure");
  }

  onFetchTimeout(): void {
    if (this.#hasAnswered) return;
    this.#hasAnswered = true;
    this.stats.count("init_fetch_timeout");
    this.#checkWarm();
  }

  get warmingCount(): number {
    return [...this.#entries.values()].filter(({ record }) => record.isWarming).length;
  }

  /** Those that are not in force yet. */
  waiting(): Waiting[] {
    return [...this.#entries.values()]
      .filter(({ record }) => record.isWarming)
      .map(({ spec, record }) => {
        const endpoints = spec.eds !== null && !this.endpoints.assignments.has(spec.eds.serviceName);
        const name = spec.eds?.serviceName ?? spec.name;
        const isServing = record.before !== null;
        return {
          name: spec.name,
          since: record.updatedAt,
          isServing,
          for: [{ kind: endpoints ? "endpoints" : "names", name }],
        };
      });
  }

  /** Names of what is there, for the checks of routes. */
  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Endpoints of a service: of every cluster that asks for them, and of those whose next version is warming. */
  onEndpoints(serviceName: string, assignment: ClusterLoadAssignment | null, problems: Problems): void {
    for (const entry of this.#entries.values()) {
      const { record, serving } = entry;
      const isOwn = entry.spec.eds?.serviceName === serviceName;
      const version = isOwn ? entry : serving?.spec.eds?.serviceName === serviceName ? serving : null;
      if (version === null) continue;
      const { spec, message } = version;
      const localities =
        assignment === null
          ? []
          : parseLocalities(assignment, null, problems, {
              workers: this.#options.workers,
              socketOf: socketChoice(message.transportSocketMatches),
            });
      if (problems.hasErrors) return;
      keepCounters(localities, spec.localities);
      // In place: workers that start later get them with the cluster.
      spec.localities = localities;
      if (isOwn && record.isWarming) void this.#finish(entry);
      else this.#target.putHosts({ cluster: spec.name, localities });
    }
  }

  /** Counts for the clusters of a service; "*" for all. */
  countEndpoints(serviceName: string, count: (stats: SubscriptionStats) => void): void {
    for (const { spec, stats } of this.#entries.values())
      if (stats !== null && (serviceName === "*" || spec.eds?.serviceName === serviceName)) count(stats);
  }

  /** Brings the stats into the main thread's slab. */
  sync(slab: StatsSlab, setTextReadout: (name: string, value: string) => void): void {
    this.stats.sync(slab, setTextReadout);
    for (const { stats } of this.#entries.values()) stats?.sync(slab, setTextReadout);
  }

  #take(message: Cluster, version: string, bytes: Uint8Array, problems: Problems): void {
    const known = this.#entries.get(message.name);
    if (known?.isStatic === true) {
      problems.error("name", `"${message.name}" is a cluster of the bootstrap, which cannot be changed from outside`);
      return;
    }
    const spec = parseCluster(message, problems, this.#options);
    if (spec === null) return;
    const warnings = warningText(problems);
    if (warnings !== "") this.#target.log("info", `cluster ${message.name}: ${warnings}`);
    this.#target.count(known === undefined ? "cluster_manager.cluster_added" : "cluster_manager.cluster_modified");
    const record = this.records.accept(message.name, version, () => message, bytes, true);
    const serving = known === undefined ? null : known.record.isWarming ? known.serving : known;
    const entry: Entry = {
      spec,
      message,
      record,
      serving: serving && { spec: serving.spec, message: serving.message },
      isStatic: false,
      stats: known?.stats ?? statsOf(spec),
    };
    this.#entries.set(message.name, entry);
    // A version that was still warming never served.
    if (known?.record.isWarming === true) this.#forget(known.spec);
    if (spec.eds === null) void this.#finish(entry);
    else {
      this.#sources.add(spec.eds.source, this.endpoints, spec.eds.serviceName);
      const assignment = this.endpoints.assignments.get(spec.eds.serviceName);
      if (assignment !== undefined) this.onEndpoints(spec.eds.serviceName, assignment, new Problems());
    }
  }

  async #finish(entry: Entry): Promise<void> {
    await this.#target.putCluster(entry.spec);
    entry.record.isWarming = false;
    const { serving } = entry;
    entry.serving = null;
    if (serving !== null) this.#forget(serving.spec);
    this.#checkWarm();
  }

  #remove(name: string): void {
    const entry = this.#entries.get(name);
    this.records.remove(name);
    if (entry === undefined || entry.isStatic) return;
    this.#entries.delete(name);
    this.#forget(entry.spec);
    if (entry.serving !== null) this.#forget(entry.serving.spec);
    this.#target.count("cluster_manager.cluster_removed");
    this.#target.removeCluster(name);
  }

  #forget({ eds }: ClusterSpec): void {
    if (eds === null) return;
    for (const { spec, serving } of this.#entries.values())
      for (const one of [spec, serving?.spec]) if (one?.eds?.serviceName === eds.serviceName) return;
    this.endpoints.assignments.delete(eds.serviceName);
    // Where they are asked for again, the same ones are news.
    this.endpoints.records.remove(eds.serviceName);
    this.#sources.remove(eds.source, this.endpoints, eds.serviceName);
  }

  #checkWarm(): void {
    if (this.#hasAnswered && this.warmingCount === 0) this.#onWarm();
  }
}

/** EDS: the endpoints of services by name. */
class EndpointTaker implements ResourceTaker {
  readonly typeUrl = `type.googleapis.com/${ClusterLoadAssignmentSchema.typeName}`;
  readonly records = new ResourceRecords();
  readonly assignments = new Map<string, ClusterLoadAssignment>();
  readonly #clusters: DynamicClusters;

  constructor(clusters: DynamicClusters) {
    this.#clusters = clusters;
  }

  onUpdate(update: XdsUpdate): string {
    const refusals: string[] = [];
    for (const { name: toldName, version, value } of update.resources) {
      if (value === null) continue;
      const problems = new Problems();
      const message = readResource(ClusterLoadAssignmentSchema, value, problems);
      const name = message?.clusterName ?? toldName;
      if (message !== null && !problems.hasErrors && !this.records.confirm(name, value.value)) {
        this.#clusters.onEndpoints(name, message, problems);
        if (!problems.hasErrors) {
          this.records.accept(name, version, () => message, value.value, false);
          this.assignments.set(name, message);
        }
      }
      this.#clusters.countEndpoints(name, (stats) => {
        if (problems.hasErrors) stats.count("update_rejected");
        else stats.onSuccess(update.version, Date.now());
      });
      if (!problems.hasErrors) continue;
      const text = this.records.refuse(name, version, problems, message, value.value);
      refusals.push(`${name}: ${text}`);
    }
    // Endpoints that are taken away serve on. Envoy: EdsClusterImpl::onConfigUpdate.
    for (const name of update.removed) {
      this.#clusters.countEndpoints(name, (stats) => {
        stats.count("update_empty");
        stats.onSuccess(update.version, Date.now());
      });
    }
    return refusals.join("\n");
  }

  /** The cluster goes on without endpoints. */
  onFetchTimeout(name: string): void {
    if (name === "*" || this.assignments.has(name)) return;
    this.#clusters.countEndpoints(name, (stats) => stats.count("init_fetch_timeout"));
    this.#clusters.onEndpoints(name, null, new Problems());
  }

  onAttempt(name: string): void {
    this.#clusters.countEndpoints(name, (stats) => stats.count("update_attempt"));
  }

  onFailure(name: string): void {
    this.#clusters.countEndpoints(name, (stats) => stats.count("update_failure"));
  }
}

/** Hosts whose address stays keep their counters. */
function keepCounters(localities: readonly LocalitySpec[], before: readonly LocalitySpec[]): void {
  const known = new Map(before.flatMap(({ hosts }) => hosts).map((host) => [addressText(host.address), host.shared]));
  for (const { hosts } of localities)
    for (const host of hosts) host.shared = known.get(addressText(host.address)) ?? host.shared;
}

function statsOf({ eds, observabilityName }: ClusterSpec): SubscriptionStats | null {
  if (eds === null) return null;
  const stats = new SubscriptionStats(clusterStatPrefix(observabilityName), ["update_empty"]);
  stats.count("update_attempt");
  return stats;
}
