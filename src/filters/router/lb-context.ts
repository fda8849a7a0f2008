import type { HeaderBlock } from "../../http/header-block.ts";
import { StreamInfo } from "../../observability/stream-info.ts";
import type { CookieSink, HashPolicy } from "../../router/hash-policy.ts";
import { MetadataCriteria } from "../../router/metadata-criteria.ts";
import type { Route } from "../../router/route.ts";
import type { HostSelection } from "../../upstream/host-selection.ts";
import type { LbContext } from "../../upstream/lb/context.ts";
import { NamedHosts } from "../../upstream/lb/override-host.ts";

/** What balancers learn of a stream and leave for its response. One a stream, reused. */
export class RouteLbContext implements LbContext {
  info: StreamInfo = none;
  hashPolicy: HashPolicy | null = null;
  selection: HostSelection | null = null;
  #criteria: MetadataCriteria | null = null;
  readonly namedHosts: NamedHosts = new NamedHosts();
  readonly routeCookies: RouteCookies = new RouteCookies(this);
  readonly balancerCookies: BalancerCookie = new BalancerCookie(this);

  /** The route's, under what filters left in the dynamic metadata. */
  get criteria(): MetadataCriteria | null {
    const own = this.info.dynamicMetadata?.get("envoy.lb");
    const route = this.#criteria;
    if (own === undefined) return route;
    return route === null ? new MetadataCriteria(own) : route.merge(own);
  }

  begin(route: Route, info: StreamInfo): void {
    this.info = info;
    this.#criteria = route.criteria;
    this.hashPolicy = route.hashPolicy;
  }

  reset(): void {
    this.info = none;
    this.#criteria = null;
    this.namedHosts.reset();
    this.hashPolicy = null;
    this.selection = null;
    this.routeCookies.cookies = null;
    this.balancerCookies.cookie = "";
  }
}

/** Envoy: Filter::addDownstreamSetCookie. */
class RouteCookies implements CookieSink {
  readonly #context: RouteLbContext;
  cookies: string[] | null = null;

  constructor(context: RouteLbContext) {
    this.#context = context;
  }

  cookieSeed(): string {
    const { info } = this.#context;
    return info.downstreamConnectionAddress + info.downstreamLocalAddress;
  }

  addCookie(cookie: string): void {
    this.cookies ??= [];
    this.cookies.push(cookie);
  }

  /** Called before the route's changes of the response head. */
  apply(head: HeaderBlock): void {
    if (this.cookies === null) return;
    for (const cookie of this.cookies) head.append("set-cookie", cookie);
  }
}

/** Of a balancer's own policies the last cookie stays; its value goes by the client's address as x-forwarded-for tells it. */
class BalancerCookie implements CookieSink {
  readonly #context: RouteLbContext;
  cookie = "";

  constructor(context: RouteLbContext) {
    this.#context = context;
  }

  cookieSeed(): string {
    const { info } = this.#context;
    return info.downstreamRemoteAddress + info.downstreamLocalAddress;
  }

  addCookie(cookie: string): void {
    this.cookie = cookie;
  }

  /** Called after the route's changes of the response head. */
  apply(head: HeaderBlock): void {
    if (this.cookie !== "") head.append("set-cookie", this.cookie);
  }
}

const none = new StreamInfo();
