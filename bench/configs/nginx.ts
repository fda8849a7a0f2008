import type { BackendPorts } from "../backend.ts";
import { type BenchCase, routePrefix } from "../cases.ts";
import type { Endpoints } from "./endpoints.ts";

/** nginx's config for a case: one worker, connections to the backend kept. Prefix locations are a tree, regex locations a list. */
export function nginxProxyConfig(
  benchCase: BenchCase,
  { listenPort, backendPort, folder, accessLogFile, certificate }: Endpoints,
): string {
  return nginxConfig(folder, [
    `access_log ${benchCase.accessLog ? `${accessLogFile} combined buffer=64k flush=1s` : "off"};`,
    `upstream backend { server 127.0.0.1:${backendPort}; keepalive 4096; keepalive_requests 1000000000; }`,
    "proxy_http_version 1.1;",
    'proxy_set_header Connection "";',
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "proxy_max_temp_file_size 0;",
    "server {",
    `  listen 127.0.0.1:${listenPort}${benchCase.isTls ? " ssl" : ""};`,
    ...(benchCase.isTls
      ? [
          `  ssl_certificate ${certificate.chain};`,
          `  ssl_certificate_key ${certificate.key};`,
          ...(benchCase.resumesTls ? [] : ["  ssl_session_tickets off;"]),
        ]
      : []),
    ...locations(benchCase).map((location) => `  location ${location} { proxy_pass http://backend; }`),
    "}",
  ]);
}

/** The backend of every case: the same small answer to any path, and two files; the other port speaks HTTP/2 and answers gRPC. */
export function nginxBackendConfig(
  folder: string,
  { http1, http2 }: BackendPorts,
  filesFolder: string,
  smallBody: string,
): string {
  return nginxConfig(folder, [
    "access_log off;",
    "sendfile on;",
    "open_file_cache max=16;",
    "server {",
    `  listen 127.0.0.1:${http1};`,
    `  location / { return 200 "${smallBody}"; }`,
    `  location /body- { root ${filesFolder}; }`,
    "}",
    "server {",
    `  listen 127.0.0.1:${http2} http2;`,
    `  location / { return 200 "${smallBody}"; }`,
    `  location /bench.Echo/ { root ${filesFolder}; default_type application/grpc; error_page 405 =200 $uri; add_trailer grpc-status 0; }`,
    "}",
  ]);
}

function nginxConfig(folder: string, http: string[]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `  ${kind}_temp_path ${folder}/${kind};`,
  );
  return [
    // Else workers of a master that is root become nobody, who may not read our files.
    ...(process.getuid?.() === 0 ? ["user root;"] : []),
    "daemon off;",
    "worker_processes 1;",
    `pid ${folder}/nginx.pid;`,
    "error_log stderr warn;",
    "events { worker_connections 10000; }",
    "http {",
    ...temporary,
    "  keepalive_timeout 300s;",
    "  keepalive_requests 1000000000;",
    ...http.map((line) => `  ${line}`),
    "}",
    "",
  ].join("\n");
}

function locations({ routes }: BenchCase): string[] {
  if (routes.count === 1) return ["/"];
  return Array.from({ length: routes.count }, (_, index) => {
    const prefix = routePrefix(index);
    if (routes.kind === "regex") return `~ ^${prefix}\\d+$`;
    return routes.kind === "path" ? `= ${prefix}` : prefix;
  });
}
