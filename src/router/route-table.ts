import type { RequestHead } from "../http/header-block.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import { HostTrie, withoutPort } from "./host-trie.ts";
import type { LinkDeps } from "./link.ts";
import { linkVirtualHost } from "./link.ts";
import type { Route } from "./route.ts";
import { routeSources } from "./route-source.ts";
import type { Slices } from "./slices.ts";
import type { RouteConfigSpec } from "./spec.ts";
import { asciiLower } from "./text.ts";
import type { LinkedVirtualHost } from "./virtual-host.ts";

/** The routes of one RouteConfiguration, live. Immutable: requests keep the table they began with. */
export class RouteTable {
  readonly name: string;
  readonly #internalOnlyHeaders: readonly string[];
  readonly #hosts = new HostTrie<LinkedVirtualHost>();
  readonly #ignorePort: boolean;
  readonly #vhostHeader: string;
  readonly #isOnDemand: boolean;

  /** `hosts`: of the virtual hosts of `spec`, in their order. */
  constructor(spec: RouteConfigSpec, hosts: readonly LinkedVirtualHost[]) {
    this.name = spec.name;
    this.#internalOnlyHeaders = spec.internalOnlyHeaders;
    this.#ignorePort = spec.ignorePortInHostMatching;
    this.#vhostHeader = spec.vhostHeader;
    this.#isOnDemand = spec.isOnDemand;
    for (const [i, { domains }] of spec.virtualHosts.entries())
      for (const domain of domains) this.#hosts.insert(domain, hosts[i] as LinkedVirtualHost);
  }

  /** The first route that matches; null for none (404, NR). `random`: in [0, 1), the same for all of a request. */
  match(head: RequestHead, info: StreamInfo, random: number): Route | null {
    const host = this.#hostOf(head);
    const vhost = host === null ? null : this.#hosts.find(host);
    return vhost === null ? null : vhost.match(head, info, random);
  }

  /** Lower-case; the connection manager removes them from external requests. */
  internalOnlyHeadersFor(): readonly string[] {
    return this.#internalOnlyHeaders;
  }

  /** The resource by which VHDS knows the virtual host of a request; "" where none can come. */
  onDemandName(head: RequestHead): string {
    const host = this.#isOnDemand ? this.#hostOf(head) : null;
    return host === null ? "" : `${this.name}/${asciiLower(host)}`;
  }

  #hostOf(head: RequestHead): string | null {
    return hostToServe(head, this.#vhostHeader, this.#ignorePort);
  }
}

/** What chooses the virtual host of a request; null: the vhost_header is missing, and no virtual host serves it. */
export function hostToServe(head: RequestHead, vhostHeader: string, ignorePort: boolean): string | null {
  if (vhostHeader !== "") return head.find(vhostHeader);
  return ignorePort ? withoutPort(head.authority) : head.authority;
}

/** Spec to live table. Cannot fail on what parseRouteConfig gave. */
export function* linkRouteTable(spec: RouteConfigSpec, deps: LinkDeps): Slices<RouteTable> {
  const hosts: LinkedVirtualHost[] = [];
  const sourceOf = routeSources(spec);
  for (const [i, host] of spec.virtualHosts.entries()) {
    hosts.push(yield* linkVirtualHost(host, sourceOf(i), spec, deps));
    if (i % sliceSize === sliceSize - 1) yield;
  }
  return new RouteTable(spec, hosts);
}

/** Virtual hosts. */
const sliceSize = 32;
