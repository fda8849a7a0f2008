import { type BenchCase, isHttp2, routePrefix } from "../cases.ts";
import type { CertificateFiles } from "../certificate.ts";
import type { Endpoints } from "./endpoints.ts";

/**
 * HAProxy's config for a case: one thread, connections to the backend kept and shared.
 * Routes are a map file, which is how HAProxy is told of many: a tree for paths and prefixes (map_str, map_beg), a list for whole folders and regexes (map_dir, map_reg).
 */
export function haproxyConfig(
  benchCase: BenchCase,
  { listenPort, backendPort, folder, certificate }: Endpoints,
): string {
  const { routes, accessLog } = benchCase;
  const converter = converters[routes.kind];
  return [
    "global",
    "  nbthread 1",
    "  maxconn 5000",
    ...(accessLog ? ["  log stdout format raw local0"] : []),
    "defaults",
    "  mode http",
    "  timeout connect 5s",
    "  timeout client 300s",
    "  timeout server 300s",
    "  http-reuse always",
    ...(accessLog ? ["  log global", "  option httplog"] : []),
    "frontend bench",
    `  bind 127.0.0.1:${listenPort}${bindOptions(benchCase, certificate)}`,
    "  option forwardfor",
    routes.count === 1 ? "  default_backend backend" : `  use_backend %[path,${converter}(${folder}/routes.map)]`,
    "backend backend",
    `  server backend 127.0.0.1:${backendPort}${benchCase.upstream === "http2" ? " proto h2" : ""}`,
    "",
  ].join("\n");
}

/** HAProxy tells HTTP/2 in cleartext by its preface. */
function bindOptions(benchCase: BenchCase, { both }: CertificateFiles): string {
  if (!benchCase.isTls) return "";
  const tickets = benchCase.resumesTls ? "" : " no-tls-tickets";
  return ` ssl crt ${both} alpn ${isHttp2(benchCase) ? "h2" : "http/1.1"}${tickets}`;
}

/** The map file that haproxyConfig names. Empty for one route. */
export function haproxyRouteMap({ routes }: BenchCase): string {
  if (routes.count === 1) return "";
  return Array.from({ length: routes.count }, (_, index) =>
    routes.kind === "regex" ? `^${routePrefix(index)}\\d+$ backend\n` : `${routePrefix(index)} backend\n`,
  ).join("");
}

const converters = { prefix: "map_beg", path: "map_str", separated: "map_dir", regex: "map_reg" } as const;
