import type { Cluster } from "../../upstream/cluster.ts";

/** The counters of the router filter: `http.<stat_prefix>.*`. */
export interface RouterStats {
  count(
    name:
      | "no_route"
      | "no_cluster"
      | "rq_total"
      | "rq_direct_response"
      | "rq_reset_after_downstream_response_started"
      | `passthrough_internal_redirect_${"bad_location" | "no_route" | "predicate" | "too_many_redirects" | "unsafe_scheme"}`,
  ): void;
}

/** Cluster by name; null when there is none. */
export type ClusterDirectory = (name: string) => Cluster | null;

/** What all requests of one connection manager share. */
export interface RouterOptions {
  /** It may change where the router's config comes by ECDS. */
  suppressEnvoyHeaders: boolean;
  /** Bytes of a body that may wait, or be kept for retries where the route says nothing. 0: no limit. */
  readonly bufferLimitBytes: number;
}
