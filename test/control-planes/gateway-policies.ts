import { stringify } from "yaml";
import { backend, gatewayClass, httpGateway, policy, routeTo } from "./gateway-api.ts";

/** A Gateway with a route for each policy of Envoy Gateway's own that Nuncio has filters for, as YAML. `jwks`: JSON. */
export function gatewayPolicies({ http, app, jwks }: { http: number; app: number; jwks: string }): string {
  const routes = ["jwt", "limit", "user-limit", "abort", "delay", "cors", "plain"];
  return [
    gatewayClass,
    httpGateway(http),
    backend("app", app),
    ...routes.map((name) => routeTo(name)),
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
