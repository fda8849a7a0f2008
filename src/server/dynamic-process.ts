import { DynamicConfig, type DynamicTarget } from "../config/dynamic/dynamic-config.ts";
import type { ServerSpec } from "../config/resources.ts";
import type { SecretStore } from "../config/secret-store.ts";
import type { Bootstrap } from "../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import type { Node } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import { ControlPlanes } from "./control-planes.ts";
import type { MainClusters } from "./main-clusters.ts";
import { noChange } from "./messages.ts";
import type { ProcessStats } from "./process-stats.ts";
import type { Supervisor } from "./supervisor.ts";

/** The parts of the process that config from outside changes. */
export interface DynamicProcessOptions {
  bootstrap: Bootstrap;
  specs: ServerSpec;
  node: Node;
  secrets: SecretStore;
  clusters: MainClusters;
  stats: ProcessStats;
  /** All who share counters. */
  workers: number;
  leniency: boolean;
  supervisor: () => Supervisor;
  log: (level: "info" | "warning", message: string) => void;
}

/** Joins the control planes, the config they send, and who carries it out. */
export class DynamicProcess {
  readonly config: DynamicConfig;
  readonly #planes: ControlPlanes;

  constructor(options: DynamicProcessOptions) {
    const { bootstrap, specs, node, secrets, clusters, stats, workers, leniency, log } = options;
    this.#planes = new ControlPlanes({ node, cluster: (name) => clusters.live(name), log });
    const parseOptions = { workers, leniency, contexts: secrets };
    this.config = new DynamicConfig(specs, bootstrap, parseOptions, this.#planes.open, target(options));
    const setTextReadout = (name: string, value: string) => stats.aggregate.setTextReadout(name, value);
    stats.keepSynced({
      sync: () => {
        this.#planes.sync(stats.mainSlab, setTextReadout);
        this.config.sync(stats.mainSlab, setTextReadout);
      },
    });
  }

  /** Settles when the workers may start. */
  start(): Promise<void> {
    return this.config.start();
  }
}

function target({ clusters, stats, supervisor, log }: DynamicProcessOptions): DynamicTarget {
  return {
    async putCluster(spec) {
      clusters.add(spec, true);
      await clusters.warm(spec.name);
      supervisor().update({ ...noChange, clusters: [spec] });
      const localities = clusters.localities(spec.name);
      if (localities !== undefined && localities !== spec.localities)
        supervisor().updateHosts({ cluster: spec.name, localities });
    },
    removeCluster(name) {
      clusters.remove(name);
      supervisor().update({ ...noChange, removedClusters: [name] });
    },
    putHosts: (update) => clusters.setHosts(update),
    putListener: (spec) => supervisor().update({ ...noChange, listeners: [spec] }),
    removeListener: (name) => supervisor().update({ ...noChange, removedListeners: [name] }),
    putRoutes: (spec) => supervisor().update({ ...noChange, routes: [spec] }),
    log,
    count: (name) => stats.serverStats.count(name),
  };
}
