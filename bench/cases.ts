/** How the load of a case is made. */
type Load =
  /** As many requests as go through, on connections that are kept. */
  | "closed-loop"
  /** The same, a new connection for each request. */
  | "new-connections"
  /** The same fixed rate for every proxy, well below what they can do. */
  | "fixed-rate"
  /** Connections that are opened, used once, and then only kept. */
  | "idle-connections"
  /** Cleartext HTTP/2 by prior knowledge: 16 connections of 8 streams. */
  | "http2";

/** The routes of a proxy's one virtual host. All lead to the same backend; a request matches the last. */
interface RouteTable {
  kind: "prefix" | "regex";
  count: number;
}

/** One thing to measure. The config of every proxy follows from it. */
export interface BenchCase {
  name: string;
  title: string;
  load: Load;
  /** What is asked for. It matches the last route. */
  path: string;
  routes: RouteTable;
  accessLog: boolean;
}

/** All cases, in the order they run. */
export const cases: readonly BenchCase[] = [
  define("small", "small body, keep-alive", {}),
  define("body-64k", "64 KiB body", { path: "/body-64k" }),
  define("body-1m", "1 MiB body", { path: "/body-1m" }),
  define("prefix-1000", "last of 1,000 prefix routes", { routes: { kind: "prefix", count: 1_000 } }),
  define("prefix-10000", "last of 10,000 prefix routes", { routes: { kind: "prefix", count: 10_000 } }),
  define("regex-1000", "last of 1,000 regex routes", { routes: { kind: "regex", count: 1_000 } }),
  define("new-connections", "a new connection for each request", { load: "new-connections" }),
  define("access-log", "access log to a file", { accessLog: true }),
  define("http2", "HTTP/2, 16 connections of 8 streams, to an HTTP/1.1 backend", { load: "http2" }),
  define("latency", "latency at the same fixed rate, 40 % of what the reference can do", { load: "fixed-rate" }),
  define("idle-connections", "memory of idle keep-alive connections", { load: "idle-connections" }),
];

/** The prefix, or the regex's literal beginning, of a route. No route's is a prefix of another's. */
export function routePrefix(index: number): string {
  return `/service-${String(index).padStart(5, "0")}/`;
}

function define(name: string, title: string, differs: Partial<BenchCase>): BenchCase {
  const routes = differs.routes ?? { kind: "prefix", count: 1 };
  const path = routes.count === 1 ? "/" : `${routePrefix(routes.count - 1)}42`;
  return { name, title, load: "closed-loop", path, routes, accessLog: false, ...differs };
}
