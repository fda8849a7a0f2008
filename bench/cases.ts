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
  /** HTTP/2, in cleartext by prior knowledge: 16 connections of 8 streams. */
  | "http2"
  /** The same, each request a gRPC call of a small message. */
  | "grpc";

/** The routes of a proxy's one virtual host. All lead to the same backend; a request matches the last. */
interface RouteTable {
  kind: RouteKind;
  count: number;
}

/** Envoy's prefix, path, path_separated_prefix and safe_regex. */
type RouteKind = (typeof routeKinds)[number];

const routeKinds = ["prefix", "path", "separated", "regex"] as const;

/** One thing to measure. The config of every proxy follows from it. */
export interface BenchCase {
  name: string;
  title: string;
  load: Load;
  /** What is asked for. It matches the last route. */
  path: string;
  routes: RouteTable;
  accessLog: boolean;
  /** Clients come by TLS, with an ECDSA P-256 certificate. */
  isTls: boolean;
  /** A client that comes again resumes its session. Where it does not, each handshake is a full one. */
  resumesTls: boolean;
  /** What the backend speaks. */
  upstream: "http1" | "http2";
  /** A JWT that is known already, a local rate limit that is not reached, and header mutations; of Envoy and Nuncio alone. */
  hasFilters: boolean;
  /** Runs only where it is asked for: by its name, or with its series. */
  series: "" | "routes";
}

/** Whether clients speak HTTP/2. */
export function isHttp2({ load }: BenchCase): boolean {
  return load === "http2" || load === "grpc";
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
  define("http2-tls", "HTTP/2 over TLS, 16 connections of 8 streams", { load: "http2", isTls: true }),
  define("http2-to-http2", "HTTP/2 to an HTTP/2 backend", { load: "http2", upstream: "http2" }),
  define("grpc-unary", "gRPC unary calls, HTTP/2 to HTTP/2", {
    load: "grpc",
    upstream: "http2",
    path: "/bench.Echo/Call",
  }),
  define("https", "HTTPS, small body, keep-alive", { isTls: true }),
  define("tls-handshakes", "a full TLS handshake (ECDSA P-256) for each request", {
    load: "new-connections",
    isTls: true,
    resumesTls: false,
  }),
  define("tls-resumptions", "a resumed TLS session for each request", { load: "new-connections", isTls: true }),
  define("latency", "latency at the same fixed rate, 40 % of what the reference can do", { load: "fixed-rate" }),
  define("filters", "a JWT (RS256), a local rate limit and header mutations", { hasFilters: true }),
  define("idle-connections", "memory of idle keep-alive connections", { load: "idle-connections" }),
  ...routeSeries(),
];

/** Whether a client may ask for another path each time. */
export function variesPath({ routes }: BenchCase): boolean {
  return routes.count > 1 && routes.kind !== "path";
}

/** The prefix, or the regex's literal beginning, of a route. No route's is a prefix of another's. */
export function routePrefix(index: number): string {
  return `/service-${String(index).padStart(5, "0")}/`;
}

/** What the number of routes costs, of each kind. */
function routeSeries(): BenchCase[] {
  return routeKinds.flatMap((kind) =>
    [1, 100, 10_000, 100_000]
      .filter((count) => kind !== "prefix" || (count !== 1 && count !== 10_000))
      .map((count) => {
        const title = `last of ${count.toLocaleString("en")} ${kind} routes`;
        return define(`${kind}-${count}`, title, { routes: { kind, count }, series: "routes" });
      }),
  );
}

function define(name: string, title: string, differs: Partial<BenchCase>): BenchCase {
  const routes: RouteTable = differs.routes ?? { kind: "prefix", count: 1 };
  const isAny = routes.count === 1 && routes.kind === "prefix";
  const path = isAny ? "/" : routes.kind === "path" ? lastPath(routes) : `${lastPath(routes)}42`;
  const usual = {
    load: "closed-loop",
    accessLog: false,
    isTls: false,
    resumesTls: true,
    upstream: "http1",
    hasFilters: false,
    series: "",
  } as const;
  return { name, title, path, routes, ...usual, ...differs };
}

function lastPath({ count }: RouteTable): string {
  return routePrefix(count - 1);
}
