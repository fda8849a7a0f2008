import type { Script } from "./client.ts";

/** JSON as a bootstrap is written in. */
export type Json = { [key: string]: unknown };

/** A named configuration that a group of cases shares. Names of clusters end in `{lane}`; `"{port}"` is the backend's port. */
export interface Setup {
  virtualHosts?: readonly Json[];
  /** Merged over the HttpConnectionManager. */
  manager?: Json;
  routeConfig?: Json;
  router?: Json;
  listener?: Json;
  /** Network filters before the HttpConnectionManager. */
  networkFilters?: readonly Json[];
  /** HTTP filters before the router. */
  filters?: readonly Json[];
  /** Clusters besides `backend{lane}`. */
  clusters?: readonly Json[];
  /** Starts a service that the proxy may ask; `"{service}"` is its port. */
  service?: () => Promise<Service>;
  /** static_resources.secrets. */
  secrets?: readonly Json[];
  runtime?: Json;
  /** Merged over the node. */
  node?: Json;
  /** What the access log tells besides. */
  log?: Json;
  /** Admin paths to POST to before the cases. */
  admin?: readonly string[];
}

/** A server beside the backend, one for each proxy. */
interface Service {
  port: number;
  close(): void;
}

/** One comparison: the same script to both proxies. The name is the sentence that fails. */
export interface Case extends Script {
  name: string;
  /** A key of `setups`. */
  setup: string;
  /** Over HTTP/1 it is not the same thing. */
  onlyHttp2?: boolean;
  /** Instead of a script: the stats whose name this regex finds, once all others of the setup were played. */
  stats?: string;
  /** Why the candidate may differ here; then it must. */
  allowedDifference?: string;
}
