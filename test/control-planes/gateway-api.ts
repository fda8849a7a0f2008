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
