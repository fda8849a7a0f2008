import { expect, test } from "vitest";
import { renderPrometheus } from "./prometheus.ts";
import { StatsSlab } from "./stats.ts";
import { StatsAggregate } from "./stats-aggregate.ts";
import { parseStatsQuery, type StatsQuery } from "./stats-query.ts";
import { renderJson, renderText } from "./stats-render.ts";
import { TagExtractor } from "./tags.ts";

function query(params: string): StatsQuery {
  const parsed = parseStatsQuery(new URLSearchParams(params));
  if (typeof parsed === "string") throw new Error(parsed);
  return parsed;
}

function announced(aggregate: StatsAggregate): StatsSlab {
  const slab = new StatsSlab();
  const announce = (kind: "counter" | "gauge" | "histogram", name: string) => slab[kind](name);
  announce("counter", "http.x.downstream_rq_2xx");
  announce("gauge", "http.x.downstream_cx_active");
  announce("histogram", "http.x.downstream_cx_length_ms");
  aggregate.announce(slab, slab.takeAnnouncements());
  return slab;
}

test("counters and gauges of two threads are summed; a dead thread leaves its counters", () => {
  const aggregate = new StatsAggregate();
  const [a, b] = [announced(aggregate), announced(aggregate)];
  for (const slab of [a, b]) {
    slab.values[slab.counter("http.x.downstream_rq_2xx")] += 2;
    slab.values[slab.gauge("http.x.downstream_cx_active")]++;
  }
  expect(renderText(aggregate, query("type=Counters"))).toBe("http.x.downstream_rq_2xx: 4\n");
  aggregate.retire(a);
  expect(aggregate.value("http.x.downstream_rq_2xx")).toBe(4);
  expect(aggregate.value("http.x.downstream_cx_active")).toBe(1);
  aggregate.resetCounters();
  expect(renderText(aggregate, query("usedonly&type=Counters"))).toBe("http.x.downstream_rq_2xx: 0\n");
});

test("usedonly tells a zero that was written from one that was not", () => {
  const aggregate = new StatsAggregate();
  const slab = announced(aggregate);
  expect(renderText(aggregate, query("usedonly"))).toBe("");
  const slot = slab.gauge("http.x.downstream_cx_active");
  slab.values[slot]++;
  slab.values[slot]--;
  expect(renderText(aggregate, query("usedonly"))).toBe("http.x.downstream_cx_active: 0\n");
});

test("a histogram's quantiles and buckets are those of Envoy 1.40 for the same samples", () => {
  const aggregate = new StatsAggregate();
  const slab = announced(aggregate);
  const slot = slab.histogram("http.x.downstream_cx_length_ms");
  for (const ms of [1, 1.9, 1, 2, 2, 7, 12, 13, 32]) slab.record(slot, ms);
  expect(renderText(aggregate, query("type=Histograms"))).toBe("http.x.downstream_cx_length_ms: No recorded values\n");
  aggregate.flush();
  expect(renderText(aggregate, query("type=Histograms"))).toBe(
    "http.x.downstream_cx_length_ms: P0(1.025,1.025) P25(1.075,1.075) P50(2.066666666666667,2.066666666666667) P75(12.5,12.5) P90(32.5,32.5) P95(32.5,32.5) P99(32.5,32.5) P99.5(32.5,32.5) P99.9(32.5,32.5) P100(32.5,32.5)\n",
  );
  expect(renderText(aggregate, query("type=Histograms&histogram_buckets=detailed"))).toContain(
    "totals=1,0.1:3, 2,0.1:2, 7,0.1:1, 12,1:1, 13,1:1, 32,1:1\n",
  );
  aggregate.flush();
  expect(renderText(aggregate, query("type=Histograms"))).toContain("P0(nan,1.025)");
  expect(renderJson(aggregate, query("histogram_buckets=cumulative&type=Histograms"))).toContain(
    '{"upper_bound":3e+05,"interval":0,"cumulative":9}',
  );
  const text = renderPrometheus(aggregate, query("format=prometheus"), new TagExtractor());
  expect(text).toContain('envoy_http_downstream_cx_length_ms_bucket{envoy_http_conn_manager_prefix="x",le="10"} 6\n');
  expect(text).toContain(
    '# TYPE envoy_http_downstream_rq_xx counter\nenvoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="x"} 0\n',
  );
});

const tagged: [stat: string, name: string, tags: string][] = [
  ["cluster.c1.upstream_rq_503", "cluster.upstream_rq", "envoy.response_code=503 envoy.cluster_name=c1"],
  [
    "listener.127.0.0.1_80.http.in.downstream_rq_2xx",
    "listener.http.downstream_rq_xx",
    "envoy.response_code_class=2 envoy.http_conn_manager_prefix=in envoy.listener_address=127.0.0.1_80",
  ],
  [
    "listener.127.0.0.1_80.worker_0.downstream_cx_total",
    "listener.worker_downstream_cx_total",
    "envoy.worker_id=0 envoy.listener_address=127.0.0.1_80",
  ],
  ["listener.admin.downstream_cx_total", "listener.admin.downstream_cx_total", ""],
  [
    "vhost.v.vcluster.c.upstream_rq_retry",
    "vhost.vcluster.upstream_rq_retry",
    "envoy.virtual_cluster=c envoy.virtual_host=v",
  ],
  [
    "http.in.rds.r.o.version_text",
    "http.rds.version_text",
    "envoy.http_conn_manager_prefix=in envoy.rds_route_config=r.o",
  ],
];
for (const [stat, name, tags] of tagged) {
  test(`the tags of ${stat}`, () => {
    const found = new TagExtractor().extract(stat);
    expect([found.name, found.tags.map((pair) => pair.join("=")).join(" ")]).toEqual([name, tags]);
  });
}
