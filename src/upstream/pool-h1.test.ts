import { expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { FakeBorrower, FakeWorld, fakeHost, fakeLocality, fakeSpec } from "./fake-world.ts";
import { readHostStats } from "./host-stats.ts";
import { AnswerFacts } from "./response-stats.ts";
import type { ClusterSpec } from "./spec.ts";

const outside = new AnswerFacts(false);
const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

function setUp(change: Partial<ClusterSpec> = {}): { world: FakeWorld; cluster: Cluster; spec: ClusterSpec } {
  const world = new FakeWorld();
  const spec = fakeSpec([fakeHost(80)], change);
  return { world, cluster: world.cluster(spec), spec };
}

function borrow(cluster: Cluster, isSending = false): FakeBorrower {
  const borrower = new FakeBorrower();
  borrower.isSending = isSending;
  cluster.borrow(borrower, null, "DEFAULT");
  return borrower;
}

/** One exchange on connection 0, which is idle afterwards. */
function warmUp(world: FakeWorld, cluster: Cluster): FakeBorrower {
  const first = borrow(cluster);
  world.transport(0).sink.onConnect();
  world.transport(0).send(ok);
  return first;
}

test("the first borrower waits for the connection, the second gets it at once", () => {
  const { world, cluster, spec } = setUp();
  const first = borrow(cluster);
  expect(first.events).toEqual([]);
  expect(world.stat("upstream_rq_pending_active")).toBe(1);
  world.transport(0).sink.onConnect();
  expect(world.transport(0).written).toBe("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  world.transport(0).send(ok);
  expect(first.events).toEqual(["ready", "200", "data hi end"]);
  const second = borrow(cluster);
  expect(second.events).toEqual(["ready"]);
  expect([first.wasNew, second.wasNew]).toEqual([true, false]);
  expect(second.connectionId).toBe(first.connectionId);
  expect(world.transports.length).toBe(1);
  expect(world.stat("upstream_rq_total")).toBe(2);
  expect(world.stat("upstream_rq_active")).toBe(1);
  expect(world.stat("upstream_rq_pending_total")).toBe(1);
  expect(world.stat("upstream_rq_pending_active")).toBe(0);
  expect(world.stat("upstream_cx_rx_bytes_total")).toBe(ok.length);
  expect(readHostStats(spec.localities[0]?.hosts[0]?.shared as SharedArrayBuffer)).toMatchObject({
    cx_active: 1,
    cx_total: 1,
    rq_active: 1,
    rq_success: 1,
    rq_total: 2,
  });
});

test("the most recently used idle connection is lent first", () => {
  const { world, cluster } = setUp();
  const [first, second] = [borrow(cluster), borrow(cluster)];
  for (const transport of world.transports) transport.sink.onConnect();
  world.transport(1).send(ok);
  world.transport(0).send(ok);
  expect(borrow(cluster).connectionId).toBe(first.connectionId);
  expect(borrow(cluster).connectionId).toBe(second.connectionId);
});

test("a connection given back serves who waits, and the one being made becomes idle", () => {
  const { world, cluster } = setUp();
  warmUp(world, cluster);
  const busy = borrow(cluster);
  const waiting = borrow(cluster);
  expect(world.transports.length).toBe(2);
  world.transport(0).send(ok);
  expect(busy.events.at(-1)).toBe("data hi end");
  expect(waiting.events).toEqual(["ready"]);
  world.transport(1).sink.onConnect();
  expect(borrow(cluster).events).toEqual(["ready"]);
  expect(world.transports.length).toBe(2);
});

test("a connect that fails fails everyone who waits", () => {
  const { world, cluster, spec } = setUp();
  const [first, second] = [borrow(cluster), borrow(cluster)];
  world.transport(0).sink.onClose("ECONNREFUSED");
  const failure = "failed remote_connection_failure delayed connect error: Connection refused 127.0.0.1:80";
  expect(first.events).toEqual([failure]);
  expect(second.events).toEqual([failure]);
  expect(world.stat("upstream_cx_connect_fail")).toBe(1);
  expect(world.stat("upstream_rq_pending_failure_eject")).toBe(2);
  expect(world.stat("upstream_cx_destroy_remote")).toBe(1);
  expect(world.stat("upstream_rq_total")).toBe(0);
  world.transport(1).sink.onClose("ECONNREFUSED");
  expect(world.stat("upstream_cx_active")).toBe(0);
  expect(readHostStats(spec.localities[0]?.hosts[0]?.shared as SharedArrayBuffer)).toMatchObject({
    cx_connect_fail: 2,
    rq_error: 2,
  });
});

test("a connect that takes too long is a connection timeout", () => {
  const { world, cluster } = setUp({ connectTimeoutMs: 250 });
  const borrower = borrow(cluster);
  world.wait(200);
  expect(borrower.events).toEqual([]);
  world.wait(100);
  expect(borrower.events).toEqual(["failed connection_timeout  127.0.0.1:80"]);
  expect(world.transport(0).isDestroyed).toBe(true);
  expect(world.stat("upstream_cx_connect_timeout")).toBe(1);
  expect(world.stat("upstream_cx_connect_fail")).toBe(1);
  expect(world.stat("upstream_cx_destroy_local")).toBe(1);
});

test("an idle connection that the peer closes is not lent again", () => {
  const { world, cluster } = setUp();
  warmUp(world, cluster);
  world.transport(0).sink.onEnd();
  expect(world.transport(0).isDestroyed).toBe(true);
  expect(world.stat("upstream_cx_destroy_remote")).toBe(1);
  borrow(cluster);
  expect(world.transports.length).toBe(2);
});

test("bytes nobody asked for close an idle connection", () => {
  const { world, cluster } = setUp();
  warmUp(world, cluster);
  world.transport(0).send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  expect(world.transport(0).isDestroyed).toBe(true);
  expect(world.stat("upstream_cx_active")).toBe(0);
});

for (const { name, answer } of [
  { name: "connection: close", answer: "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" },
  { name: "HTTP/1.0", answer: "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n" },
]) {
  test(`a connection is not used again after ${name}`, () => {
    const { world, cluster } = setUp();
    const borrower = borrow(cluster);
    world.transport(0).sink.onConnect();
    world.transport(0).send(answer);
    expect(borrower.events).toEqual(["ready", "200 end"]);
    expect(world.transport(0).isDestroyed).toBe(true);
    expect(world.stat("upstream_cx_close_notify")).toBe(1);
    expect(world.stat("upstream_rq_active")).toBe(0);
  });
}

test("a connection whose request is not whole when its response is, closes", () => {
  const { world, cluster } = setUp();
  borrow(cluster, true);
  world.transport(0).sink.onConnect();
  world.transport(0).send("HTTP/1.1 413 Too\r\ncontent-length: 0\r\n\r\n");
  expect(world.transport(0).isDestroyed).toBe(true);
  expect(world.stat("upstream_cx_close_notify")).toBe(0);
});

for (const { name, act, event, detail } of [
  { name: "FIN", act: (w: FakeWorld) => w.transport(0).sink.onEnd(), event: "reset connection_termination", detail: 0 },
  {
    name: "RST",
    act: (w: FakeWorld) => w.transport(0).sink.onClose("ECONNRESET"),
    event: "reset connection_termination",
    detail: 0,
  },
  {
    name: "garbage",
    act: (w: FakeWorld) => w.transport(0).send("SSH-2.0-x\r\n"),
    event: "reset protocol_error http1.codec_error",
    detail: 1,
  },
]) {
  test(`${name} before the response resets the stream`, () => {
    const { world, cluster, spec } = setUp();
    const borrower = borrow(cluster);
    world.transport(0).sink.onConnect();
    act(world);
    expect(borrower.events).toEqual(["ready", event]);
    expect(world.transport(0).isDestroyed).toBe(true);
    expect(world.stat("upstream_cx_protocol_error")).toBe(detail);
    expect(world.stat("upstream_cx_destroy_with_active_rq")).toBe(1);
    expect(world.stat("upstream_rq_active")).toBe(0);
    expect(world.stat("upstream_cx_active")).toBe(0);
    expect(readHostStats(spec.localities[0]?.hosts[0]?.shared as SharedArrayBuffer).rq_error).toBe(1);
  });
}

test("RST never ends a body that ends with the connection, FIN does", () => {
  for (const isReset of [true, false]) {
    const { world, cluster } = setUp();
    const borrower = borrow(cluster);
    world.transport(0).sink.onConnect();
    world.transport(0).send("HTTP/1.1 200 OK\r\n\r\nabc");
    if (isReset) world.transport(0).sink.onClose("ECONNRESET");
    else world.transport(0).sink.onEnd();
    expect(borrower.events.at(-1)).toBe(isReset ? "reset protocol_error" : "data  end");
    expect(world.stat("upstream_cx_destroy_remote")).toBe(1);
  }
});

test("a reset by the borrower closes the connection and is not told back", () => {
  const { world, cluster } = setUp();
  const borrower = borrow(cluster);
  world.transport(0).sink.onConnect();
  borrower.writer?.reset("local_reset");
  expect(borrower.events).toEqual(["ready"]);
  expect(world.transport(0).isDestroyed).toBe(true);
  expect(world.stat("upstream_cx_destroy_local_with_active_rq")).toBe(1);
  expect(world.stat("upstream_rq_active")).toBe(0);
  world.transport(0).send(ok);
  world.transport(0).sink.onClose("");
  expect(borrower.events).toEqual(["ready"]);
});

test("cancel takes a waiting borrower out; the connection comes in handy later", () => {
  const { world, cluster } = setUp();
  const borrower = borrow(cluster);
  cluster.cancel(borrower);
  expect(world.stat("upstream_rq_cancelled")).toBe(1);
  expect(world.stat("upstream_rq_pending_active")).toBe(0);
  cluster.cancel(borrower);
  world.transport(0).sink.onConnect();
  expect(borrower.events).toEqual([]);
  expect(borrow(cluster).events).toEqual(["ready"]);
});

test("a borrower cancelled by another's failure hears nothing", () => {
  const { world, cluster } = setUp();
  const first = new FakeBorrower();
  const second = new FakeBorrower();
  first.onBorrowFailed = () => cluster.cancel(second);
  cluster.borrow(first, null, "DEFAULT");
  cluster.borrow(second, null, "DEFAULT");
  world.transport(0).sink.onClose("ECONNREFUSED");
  expect(second.events).toEqual([]);
  expect(world.stat("upstream_rq_pending_active")).toBe(0);
});

test("max_requests_per_connection closes the connection behind its last response", () => {
  const { world, cluster } = setUp({ maxRequestsPerConnection: 2 });
  warmUp(world, cluster);
  const second = borrow(cluster);
  expect(world.stat("upstream_cx_max_requests")).toBe(1);
  world.transport(0).send(ok);
  expect(second.events.at(-1)).toBe("data hi end");
  expect(world.transport(0).isDestroyed).toBe(true);
});

test("an idle connection closes after its idle timeout, a busy one does not", () => {
  const { world, cluster } = setUp({ idleTimeoutMs: 10_000 });
  warmUp(world, cluster);
  world.wait(9_000);
  borrow(cluster);
  world.wait(20_000);
  expect(world.transport(0).isDestroyed).toBe(false);
  world.transport(0).send(ok);
  world.wait(9_950);
  expect(world.transport(0).isDestroyed).toBe(false);
  world.wait(2_000);
  expect(world.transport(0).isDestroyed).toBe(true);
  expect(world.stat("upstream_cx_idle_timeout")).toBe(1);
});

test("max_connection_duration closes an idle connection at once and a busy one after its response", () => {
  const { world, cluster } = setUp({ maxConnectionDurationMs: 500 });
  const borrower = borrow(cluster);
  world.transport(0).sink.onConnect();
  world.wait(600);
  expect(world.transport(0).isDestroyed).toBe(false);
  world.transport(0).send(ok);
  expect(borrower.events.at(-1)).toBe("data hi end");
  expect(world.transport(0).isDestroyed).toBe(true);
  expect(world.stat("upstream_cx_max_duration_reached")).toBe(1);
});

test("hosts that stay keep their connections, those that go drain", () => {
  const world = new FakeWorld();
  const [a, b] = [fakeHost(1), fakeHost(2)];
  const cluster = world.cluster(fakeSpec([a, b]));
  const [onA, onB] = [borrow(cluster), borrow(cluster)];
  for (const transport of world.transports) transport.sink.onConnect();
  world.transport(0).send(ok);
  const onA2 = borrow(cluster);
  cluster.updateHosts([fakeLocality([b])]);
  expect([onA, onB, onA2].map((x) => x.host?.addressText)).toEqual(["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1"]);
  expect(world.transport(0).isDestroyed).toBe(false);
  world.transport(0).send(ok);
  expect(world.transport(0).isDestroyed).toBe(true);
  world.transport(1).send(ok);
  expect(borrow(cluster).connectionId).toBe(onB.connectionId);
});

test("each limit overflows by its own stat", () => {
  const { world, cluster, spec } = setUp();
  const limits = spec.breakers.thresholds[0];
  const pending = new FakeWorld();
  const one = pending.cluster(
    fakeSpec([fakeHost(80)], {
      breakers: { ...spec.breakers, thresholds: [{ ...limits, maxPendingRequests: 1 }, limits] },
    }),
  );
  borrow(one);
  expect(borrow(one).events).toEqual(["failed overflow  -"]);
  expect(pending.stat("upstream_rq_pending_overflow")).toBe(1);

  warmUp(world, cluster);
  expect(world.stat("upstream_rq_pending_overflow")).toBe(0);

  const connections = new FakeWorld();
  const two = connections.cluster(
    fakeSpec([fakeHost(80)], {
      breakers: { thresholds: [{ ...limits, maxConnections: 1 }, limits], counters: fakeSpec([]).breakers.counters },
    }),
  );
  borrow(two);
  const waits = borrow(two);
  expect(connections.transports.length).toBe(1);
  expect(connections.stat("upstream_cx_overflow")).toBe(1);
  connections.transport(0).sink.onConnect();
  connections.transport(0).send(ok);
  expect(waits.events).toEqual(["ready"]);
});

test("max_requests refuses a borrower although a connection is idle", () => {
  const { spec } = setUp();
  const world = new FakeWorld();
  const limits = spec.breakers.thresholds[0];
  const cluster = world.cluster(
    fakeSpec([fakeHost(80)], { breakers: { ...spec.breakers, thresholds: [{ ...limits, maxRequests: 1 }, limits] } }),
  );
  const [first, second] = [borrow(cluster), borrow(cluster)];
  for (const transport of world.transports) transport.sink.onConnect();
  expect(first.events).toEqual(["ready"]);
  expect(second.events).toEqual(["failed overflow  127.0.0.1:80"]);
  expect(borrow(cluster).events).toEqual(["failed overflow  127.0.0.1:80"]);
  world.transport(0).send(ok);
  expect(borrow(cluster).events).toEqual(["ready"]);
});

test("without hosts there is no healthy upstream", () => {
  const world = new FakeWorld();
  const cluster = world.cluster(fakeSpec([]));
  expect(borrow(cluster).events).toEqual(["failed no_healthy_upstream  -"]);
  expect(world.stat("upstream_cx_none_healthy")).toBe(1);
  expect(world.stat("lb_healthy_panic")).toBe(1);
});

test("a route's timeout counts as Envoy's does", () => {
  const { world, cluster, spec } = setUp();
  const borrower = borrow(cluster);
  world.transport(0).sink.onConnect();
  borrower.writer?.reset("local_reset");
  cluster.onRequestTimeout(borrower.host, 504, outside);
  const stats = ["upstream_rq_timeout", "upstream_rq_504", "upstream_rq_5xx", "upstream_rq_completed"];
  expect(stats.map((name) => world.stat(name))).toEqual([1, 1, 1, 1]);
  expect(world.stat("upstream_cx_destroy_local_with_active_rq")).toBe(1);
  expect(readHostStats(spec.localities[0]?.hosts[0]?.shared as SharedArrayBuffer)).toMatchObject({
    rq_timeout: 1,
    rq_error: 1,
  });
});

test("response codes are counted for all and for external requests", () => {
  const { world, cluster } = setUp();
  cluster.onResponse(204, 3, outside);
  cluster.onResponse(200, 4, outside);
  cluster.onLocalFailure(503, outside);
  const names = ["upstream_rq_2xx", "external.upstream_rq_2xx", "upstream_rq_204", "external.upstream_rq_completed"];
  expect(names.map((name) => world.stat(name))).toEqual([2, 2, 1, 3]);
  expect(world.stat("upstream_rq_503")).toBe(1);
});

test("a closed cluster still serves, and keeps nothing", () => {
  const { world, cluster } = setUp();
  const waiting = borrow(cluster);
  cluster.close();
  world.transport(0).sink.onConnect();
  world.transport(0).send(ok);
  expect(waiting.events.at(-1)).toBe("data hi end");
  const high = new FakeBorrower();
  cluster.borrow(high, null, "HIGH");
  world.transport(1).sink.onConnect();
  world.transport(1).send(ok);
  expect(high.events.at(-1)).toBe("data hi end");
  expect(world.transports.map((transport) => transport.isDestroyed)).toEqual([true, true]);
  expect(world.stat("upstream_cx_active")).toBe(0);
});
