export const gatewayApi = "gateway.networking.k8s.io/v1";
export const envoyApi = "gateway.envoyproxy.io/v1alpha1";

/** The class that Envoy Gateway looks after. */
export const gatewayClass = {
  apiVersion: gatewayApi,
  kind: "GatewayClass",
  metadata: { name: "test" },
  spec: { controllerName: "gateway.envoyproxy.io/gatewayclass-controller" },
};

/** The metadata of a resource. */
export const named = (name: string) => ({ name, namespace: "default" });

/** A Backend at a port of this machine. */
export const backend = (name: string, port: number, more: object = {}) => ({
  apiVersion: envoyApi,
  kind: "Backend",
  metadata: named(name),
  spec: { ...more, endpoints: [{ ip: { address: "127.0.0.1", port } }] },
});

/** A Gateway that listens for plain HTTP. */
export const httpGateway = (port: number) => ({
  apiVersion: gatewayApi,
  kind: "Gateway",
  metadata: named("test"),
  spec: { gatewayClassName: "test", listeners: [{ name: "http", protocol: "HTTP", port }] },
});

/** The HTTPRoute of /<name> to the Backend "app"; `more`: of its rule. */
export const routeTo = (name: string, more: object = {}) => ({
  apiVersion: gatewayApi,
  kind: "HTTPRoute",
  metadata: named(name),
  spec: {
    parentRefs: [{ name: "test" }],
    rules: [
      {
        matches: [{ path: { type: "PathPrefix", value: `/${name}` } }],
        backendRefs: [{ group: "gateway.envoyproxy.io", kind: "Backend", name: "app" }],
        ...more,
      },
    ],
  },
});

/** A policy of Envoy Gateway's own for the HTTPRoute of the same name. */
export const policy = (kind: string, route: string, spec: object) => ({
  apiVersion: envoyApi,
  kind,
  metadata: named(route),
  spec: { targetRefs: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: route }], ...spec },
});
