import type { StreamInfo } from "../../observability/stream-info.ts";
import type { CookieSink, HashPolicy } from "../../router/hash-policy.ts";
import type { MetadataCriteria } from "../../router/metadata-criteria.ts";
import type { HostSelection } from "../host-selection.ts";
import type { NamedHosts } from "./override-host.ts";

/** What a balancer may ask of the request that it chooses a host for. Envoy: LoadBalancerContext. */
export interface LbContext {
  readonly info: StreamInfo;
  /** What a retry asks; null for a first attempt. */
  readonly selection: HostSelection | null;
  /** The route's; null without one. */
  readonly hashPolicy: HashPolicy | null;
  /** What subsets are chosen by; null where nothing is asked for. */
  readonly criteria: MetadataCriteria | null;
  readonly namedHosts: NamedHosts;
  /** For the cookies of the route's policies, and of the balancer's own. */
  readonly routeCookies: CookieSink;
  readonly balancerCookies: CookieSink;
}
