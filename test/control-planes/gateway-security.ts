import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { backend, envoyApi, gatewayClass, httpGateway, named, policy, routeTo } from "./gateway-api.ts";

/** A Gateway with a route for each policy about who may ask and for what comes of bodies, as YAML. `authz`: a port of both kinds of service. */
export function gatewaySecurity(ports: { http: number; app: number; authz: number }, jwks: string): string {
  const secret = (name: string, data: Record<string, string>) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: named(name),
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")])),
  });
  const allow = (rule: object) => ({ authorization: { defaultAction: "Deny", rules: [{ action: "Allow", ...rule }] } });
  const service = { backendRefs: [{ group: "gateway.envoyproxy.io", kind: "Backend", name: "authz" }] };
  const provider = { name: "test", issuer: "https://issuer.test", localJWKS: { type: "Inline", inline: jwks } };
  const routes = [
    "cidr",
    "header",
    "cel",
    "claim",
    "basic",
    "key",
    "http-auth",
    "grpc-auth",
    "buffer",
    "zip",
    "override",
  ];
  return [
    gatewayClass,
    httpGateway(ports.http),
    backend("app", ports.app),
    backend("authz", ports.authz),
    secret("users", { ".htpasswd": `ann:{SHA}${createHash("sha1").update("secret").digest("base64")}` }),
    secret("keys", { "client-one": "the-key" }),
    ...routes.map((name) => routeTo(name)),
    routeTo("plain", { sessionPersistence: { sessionName: "stay", type: "Cookie" } }),
    {
      apiVersion: envoyApi,
      kind: "ClientTrafficPolicy",
      metadata: named("clients"),
      spec: {
        targetRefs: [{ group: "gateway.networking.k8s.io", kind: "Gateway", name: "test" }],
        clientIPDetection: { customHeader: { name: "x-client" } },
        headers: { earlyRequestHeaders: { set: [{ name: "x-early", value: "bird" }] } },
      },
    },
    policy("SecurityPolicy", "cidr", allow({ principal: { clientCIDRs: ["10.0.0.0/8"] } })),
    policy("SecurityPolicy", "header", allow({ principal: { headers: [{ name: "x-team", values: ["a", "b"] }] } })),
    policy("SecurityPolicy", "cel", allow({ cel: "request.headers['x-cel'] == 'yes' && request.method == 'GET'" })),
    policy("SecurityPolicy", "claim", {
      jwt: { providers: [provider] },
      ...allow({ principal: { jwt: { provider: "test", claims: [{ name: "sub", values: ["ann"] }] } } }),
    }),
    policy("SecurityPolicy", "basic", { basicAuth: { users: { name: "users" } } }),
    policy("SecurityPolicy", "key", {
      apiKeyAuth: { credentialRefs: [{ name: "keys" }], extractFrom: [{ headers: ["x-key"] }] },
    }),
    policy("SecurityPolicy", "http-auth", {
      extAuth: { headersToExtAuth: ["authorization"], http: { ...service, headersToBackend: ["x-user"] } },
    }),
    policy("SecurityPolicy", "grpc-auth", { extAuth: { grpc: service } }),
    policy("BackendTrafficPolicy", "buffer", { requestBuffer: { limit: "8" } }),
    policy("BackendTrafficPolicy", "override", {
      responseOverride: [
        {
          match: { statusCodes: [{ type: "Range", range: { start: 200, end: 299 } }] },
          response: {
            contentType: "application/json",
            statusCode: 209,
            body: { type: "Inline", inline: '{"headers":{"x":"replaced"}}' },
          },
        },
      ],
    }),
    policy("BackendTrafficPolicy", "zip", {
      compressor: [
        { type: "Gzip", gzip: {} },
        { type: "Brotli", brotli: {} },
      ],
    }),
  ]
    .map((resource) => stringify(resource))
    .join("---\n");
}
