import { readFileSync } from "node:fs";
import { stringify } from "yaml";
import type { CertificateFiles } from "../proxy/certificates.ts";
import { backend, gatewayApi, gatewayClass, named } from "./gateway-api.ts";

/** What differs from edit to edit. */
export interface Shape {
  version: string;
  secret: CertificateFiles;
  http: number;
  https: number;
  /** Ports of the backends. */
  ports: { app: number; other: number; grpc: number };
  /** More ports to listen on. */
  listeners: number[];
}

/** Gateway API resources as YAML: every filter and match of an HTTPRoute, a GRPCRoute, TLS, weights, a timeout. */
export function gatewayResources({ version, secret, http, https, ports, listeners }: Shape): string {
  const to = (name: string, weight = 1) => ({ group: "gateway.envoyproxy.io", kind: "Backend", name, weight });
  const under = (value: string) => [{ path: { type: "PathPrefix", value } }];
  const replacePrefixMatch = (value: string) => ({ type: "ReplacePrefixMatch", replacePrefixMatch: value });
  const rules = [
    {
      matches: [
        {
          path: { type: "Exact", value: "/exact" },
          method: "GET",
          headers: [{ name: "x-a", value: "1" }],
          queryParams: [{ name: "q", value: "v" }],
        },
      ],
      filters: [
        {
          type: "RequestHeaderModifier",
          requestHeaderModifier: {
            set: [{ name: "x-set", value: "s" }],
            add: [{ name: "x-add", value: "a" }],
            remove: ["x-gone"],
          },
        },
        { type: "ResponseHeaderModifier", responseHeaderModifier: { set: [{ name: "x-resp", value: "r" }] } },
      ],
      backendRefs: [to("app")],
    },
    {
      matches: [{ path: { type: "RegularExpression", value: "/re/[0-9]+" } }],
      backendRefs: [to("app", 3), to("other", 1)],
    },
    {
      matches: under("/redirect"),
      filters: [
        {
          type: "RequestRedirect",
          requestRedirect: {
            scheme: "https",
            hostname: "to.example",
            port: 444,
            statusCode: 301,
            path: replacePrefixMatch("/there"),
          },
        },
      ],
    },
    {
      matches: under("/rewrite"),
      filters: [{ type: "URLRewrite", urlRewrite: { hostname: "in.example", path: replacePrefixMatch("/inner") } }],
      backendRefs: [to("app")],
    },
    {
      matches: under("/cors"),
      filters: [{ type: "CORS", cors: { allowOrigins: ["https://a.example"], allowMethods: ["PUT"], maxAge: 60 } }],
      backendRefs: [to("app")],
    },
    {
      matches: under("/mirror"),
      filters: [
        {
          type: "RequestMirror",
          requestMirror: { backendRef: { group: "gateway.envoyproxy.io", kind: "Backend", name: "other" } },
        },
      ],
      backendRefs: [to("app")],
    },
    { matches: under("/slow"), timeouts: { request: "300ms" }, backendRefs: [to("app")] },
    { matches: under("/nobody"), backendRefs: [to("missing")] },
    {
      matches: under("/"),
      filters: [
        { type: "ResponseHeaderModifier", responseHeaderModifier: { set: [{ name: "x-version", value: version }] } },
      ],
      backendRefs: [to("app")],
    },
  ];
  const encoded = (path: string) => readFileSync(path).toString("base64");
  return [
    gatewayClass,
    {
      apiVersion: gatewayApi,
      kind: "Gateway",
      metadata: named("test"),
      spec: {
        gatewayClassName: "test",
        listeners: [
          { name: "http", protocol: "HTTP", port: http },
          {
            name: "https",
            protocol: "HTTPS",
            port: https,
            hostname: "shop.example",
            tls: { mode: "Terminate", certificateRefs: [{ name: "cert" }] },
          },
          ...listeners.map((port) => ({ name: `more-${port}`, protocol: "HTTP", port })),
        ],
      },
    },
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: named("cert"),
      type: "kubernetes.io/tls",
      data: { "tls.crt": encoded(secret.cert), "tls.key": encoded(secret.key) },
    },
    {
      apiVersion: gatewayApi,
      kind: "HTTPRoute",
      metadata: named("app"),
      spec: { parentRefs: [{ name: "test" }], rules },
    },
    {
      apiVersion: gatewayApi,
      kind: "GRPCRoute",
      metadata: named("echo"),
      spec: {
        parentRefs: [{ name: "test", sectionName: "http" }],
        hostnames: ["grpc.example"],
        rules: [{ matches: [{ method: { service: "test.Echo", method: "Say" } }], backendRefs: [to("grpc")] }],
      },
    },
    backend("app", ports.app),
    backend("other", ports.other),
    backend("grpc", ports.grpc, { appProtocols: ["gateway.envoyproxy.io/h2c"] }),
  ]
    .map((resource) => stringify(resource))
    .join("---\n");
}
