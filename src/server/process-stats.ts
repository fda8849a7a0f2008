import { renderPrometheus } from "../observability/prometheus.ts";
import { type StatAnnouncement, StatsSlab } from "../observability/stats.ts";
import { StatsAggregate } from "../observability/stats-aggregate.ts";
import type { StatsQuery } from "../observability/stats-query.ts";
import { renderJson, renderText } from "../observability/stats-render.ts";
import type { TagExtractor } from "../observability/tags.ts";
import { AdminStats } from "./admin/admin-stats.ts";
import type { StatsSource } from "./admin/state.ts";
import type { ConnectionCounts } from "./drain.ts";
import { type ServerFacts, ServerStats } from "./server-stats.ts";

/** All stats of the process: the main thread's own and those of the workers, living and dead. */
export class ProcessStats implements StatsSource {
  readonly aggregate = new StatsAggregate();
  readonly serverStats: ServerStats;
  /** The main thread's own stats. */
  readonly mainSlab = new StatsSlab();
  private readonly workerSlabs = new Map<number, StatsSlab>();
  private readonly tags: TagExtractor;
  private admin: AdminStats | null = null;
  private readonly synced: { sync(): void }[] = [];

  constructor(concurrency: number, tags: TagExtractor, flushIntervalMs = 5000) {
    this.tags = tags;
    this.serverStats = new ServerStats(this.mainSlab, concurrency);
    this.announceMain();
    setInterval(() => this.aggregate.flush(), flushIntervalMs).unref();
  }

  /** Has `source` bring its part of the main slab up to date in front of each look at the stats. */
  keepSynced(source: { sync(): void }): void {
    this.synced.push(source);
  }

  /** Memory for a worker that is about to start. Its predecessor's was retired. */
  newWorkerSlab(index: number): SharedArrayBuffer {
    const slab = new StatsSlab();
    this.workerSlabs.set(index, slab);
    return slab.buffer;
  }

  announce(index: number, announcements: readonly StatAnnouncement[]): void {
    const slab = this.workerSlabs.get(index);
    if (slab !== undefined) this.aggregate.announce(slab, announcements);
  }

  /** The worker is gone: its counts stay, its gauges go. */
  retireWorker(index: number): void {
    const slab = this.workerSlabs.get(index);
    if (slab === undefined) return;
    this.aggregate.retire(slab);
    this.workerSlabs.delete(index);
  }

  refresh(facts: ServerFacts): void {
    this.serverStats.refresh(facts);
    for (const source of this.synced) source.sync();
    this.announceMain();
  }

  render(query: StatsQuery): string {
    switch (query.format) {
      case "json":
        return renderJson(this.aggregate, query);
      case "prometheus":
        return renderPrometheus(this.aggregate, query, this.tags);
      case "html":
      case "text":
        return renderText(this.aggregate, query);
    }
  }

  /** Names that are gone, such as those of removed clusters. */
  forget(isGone: (name: string) => boolean): void {
    this.mainSlab.forget(isGone);
    this.aggregate.remove(isGone);
  }

  resetCounters(): void {
    this.aggregate.resetCounters();
  }

  /** For the admin interface. */
  newAdmin(): AdminStats {
    this.admin = new AdminStats(this.mainSlab);
    return this.admin;
  }

  /** Downstream connections of all listeners, without those of the admin interface. */
  connections(): ConnectionCounts {
    let open = 0;
    let total = 0;
    for (const { name, value } of this.aggregate.numbers()) {
      if (!name.startsWith("listener.") || name.startsWith("listener.admin.main_thread.")) continue;
      if (name.endsWith(".downstream_cx_active")) open += value;
      else if (name.endsWith(".downstream_cx_total")) total += value;
    }
    const admin = this.admin?.connections ?? { open: 0, total: 0 };
    return { open: open - admin.open, total: total - admin.total };
  }

  private announceMain(): void {
    this.aggregate.announce(this.mainSlab, this.mainSlab.takeAnnouncements());
  }
}
