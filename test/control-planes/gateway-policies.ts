import { stringify } from "yaml";
import { envoyApi, gatewayApi, gatewayClass, named } from "./gateway-api.ts";

/** A Gateway with a route for each policy of Envoy Gateway's own that Nuncio has filters for, as YAML. `jwks`: JSON. */
export function gatewayPolicies({ http, app, jwks }: { http: number; app: number; jwks: string }): string {
  const policy = (kind: string, route: string, spec: object) => ({
    apiVersion: envoyApi,
    kind,
    metadata: named(route),
    spec: { targetRefs: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: route }], ...spec },
  });
  const routes = ["jwt", "limit", "user-limit", "abort", "delay", "cors", "plain"];
  return [
    gatewayClass,
    {
      apiVersion: gatewayApi,
      kind: "Gateway",
      metadata: named("test"),
      spec: { gatewayClassName: "test", listeners: [{ name: "http", protocol: "HTTP", port: http }] },
    },
    {
      apiVersion: envoyApi,
      kind: "Backend",
      metadata: named("app"),
      spec: { endpoints: [{ ip: { address: "127.0.0.1", port: app } }] },
    },
    ...routes.map((name) => ({
      apiVersion: gatewayApi,
      kind: "HTTPRoute",
      metadata: named(name),
      spec: {
        parentRefs: [{ name: "test" }],
        rules: [
          {
            matches: [{ path: { type: "PathPrefix", value: `/${name}` } }],
            backendRefs: [{ group: "gateway.envoyproxy.io", kind: "Backend", name: "app" }],
          },
        ],
      },
    })),
    policy("SecurityPolicy", "jwt", {
      jwt: {
        providers: [
          {
            name: "test",
            issuer: "https://issuer.test",
            audiences: ["app"],
            localJWKS: { type: "Inline", inline: jwks },
            claimToHeaders: [{ claim: "sub", header: "x-sub" }],
          },
        ],
      },
    }),
    policy("SecurityPolicy", "cors", {
      cors: {
        allowOrigins: ["https://*.example"],
        allowMethods: ["PUT"],
        exposeHeaders: ["x-a"],
        allowCredentials: true,
      },
    }),
    policy("BackendTrafficPolicy", "limit", {
      rateLimit: { type: "Local", local: { rules: [{ limit: { requests: 3, unit: "Hour" } }] } },
    }),
    policy("BackendTrafficPolicy", "user-limit", {
      rateLimit: {
        type: "Local",
        local: {
          rules: [
            {
              clientSelectors: [{ headers: [{ name: "x-user", value: "one" }] }],
              limit: { requests: 1, unit: "Hour" },
            },
            {
              clientSelectors: [{ headers: [{ name: "x-each", type: "Distinct" }] }],
              limit: { requests: 2, unit: "Hour" },
            },
          ],
        },
      },
    }),
    policy("BackendTrafficPolicy", "abort", { faultInjection: { abort: { httpStatus: 418, percentage: 100 } } }),
    policy("BackendTrafficPolicy", "delay", { faultInjection: { delay: { fixedDelay: "300ms", percentage: 100 } } }),
  ]
    .map((resource) => stringify(resource))
    .join("---\n");
}
