import type { HeaderBlock, RequestHead, ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import { localReply } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import type { PerFilter } from "../../router/route.ts";
import { isInFraction } from "../../router/runtime-fraction.ts";
import { MetadataCondition } from "../../router/stream-conditions.ts";
import { type BodyChunk, DataStatus, type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { ClusterCounters } from "../cluster-counters.ts";
import { filterCounters } from "../counters.ts";
import { isFlagOn } from "../feature-flag.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeCluster } from "../route-cluster.ts";
import { routeConfigs } from "../route-config.ts";
import { AuthzCheck, type AuthzSettings, statNames } from "./authz-check.ts";
import type { CheckContext } from "./check-request.ts";
import { MutationRules } from "./mutation-rules.ts";
import { type AuthzService, linkService, matchersOf } from "./services.ts";
import type { AuthzBodySpec, ExtAuthzRouteSpec, ExtAuthzSpec } from "./spec.ts";

/** Asks a service whether a request may go on. Envoy: the Filter of HttpFilters::ExtAuthz. */
export class ExtAuthzFilter implements Filter, AuthzSettings {
  readonly spec: ExtAuthzSpec;
  readonly rules: MutationRules | null;
  readonly stats: AuthzSettings["stats"];
  readonly values: Float64Array;
  readonly counters: ClusterCounters;
  readonly name: string;
  readonly headLimits: FilterDeps["headLimits"];
  readonly #slot: number;
  readonly #deps: FilterDeps;
  readonly #service: AuthzService;
  readonly #context: CheckContext;
  readonly #enabledMetadata: MetadataCondition | null;

  constructor(spec: ExtAuthzSpec, slot: number, deps: FilterDeps) {
    this.spec = spec;
    this.#slot = slot;
    this.#deps = deps;
    this.values = deps.slab.values;
    this.name = deps.filterName;
    this.headLimits = deps.headLimits;
    this.stats = filterCounters(deps.slab, `${deps.statPrefix}ext_authz.${spec.statPrefix}`, statNames);
    this.counters = new ClusterCounters(deps.slab, `ext_authz.${spec.statPrefix}`);
    this.rules = spec.rules === null ? null : new MutationRules(spec.rules);
    this.#service = linkService(spec.service, deps.clusters);
    this.#enabledMetadata = spec.enabledMetadata === null ? null : new MetadataCondition(spec.enabledMetadata);
    this.#context = {
      spec,
      choice: {
        allowed: spec.allowedHeaders === null ? null : matchersOf(spec.allowedHeaders),
        disallowed: matchersOf(spec.disallowedHeaders),
      },
      extensions: {},
      labels: labelsOf(deps.nodeMetadata[spec.labelsKey]),
    };
  }

  linkRoute(perFilter: PerFilter, name: string): RouteAuthz | null {
    const specs = routeConfigs<ExtAuthzRouteSpec>(perFilter, name);
    const [spec] = specs;
    if (spec === undefined) return null;
    const extensions = Object.assign({}, ...specs.toReversed().map(({ contextExtensions }) => contextExtensions));
    return {
      spec,
      service: spec.service === null ? this.#service : linkService(spec.service, this.#deps.clusters),
      context: { ...this.#context, extensions },
    };
  }

  onRequestHead(stream: FilterStream, head: RequestHead, endStream: boolean): HeadersStatus {
    const own = stream.override(this.#slot) as RouteAuthz | null;
    if (stream.route === null || own?.spec.isDisabled) return HeadersStatus.Continue;
    if (!this.#isEnabled(stream)) {
      this.values[this.stats.disabled]++;
      const { deniesAtDisable, statusOnError } = this.spec;
      if (deniesAtDisable === null || !isFlagOn(deniesAtDisable, this.#deps.runtime)) return HeadersStatus.Continue;
      stream.sendLocalReply(localReply(statusOnError, "", "ext_authz_error", ResponseFlag.UAEX));
      return HeadersStatus.StopIteration;
    }
    const cluster = routeCluster(stream, this.#deps.clusters);
    const body = this.#bodyOf(own, head, endStream);
    const check = new AuthzCheck(this, stream, this.#slot, cluster, body);
    stream.scratch[this.#slot] = check;
    if (body !== null) {
      if (!body.allowsPartial) stream.requestWalk.bufferLimit = body.maxBytes;
      return HeadersStatus.StopIteration;
    }
    this.#ask(check, stream, null);
    return check.isWaiting ? HeadersStatus.StopAllIterationAndWatermark : HeadersStatus.Continue;
  }

  onRequestData(stream: FilterStream, { bytes }: BodyChunk, endStream: boolean): DataStatus {
    const check = stream.scratch[this.#slot] as AuthzCheck | undefined;
    if (check === undefined || !check.holdsBody) return DataStatus.Continue;
    const { body } = check;
    if (!check.isWaiting && body !== null) {
      const { buffered } = stream.requestWalk;
      const isFull = body.allowsPartial && buffered + bytes.length >= body.maxBytes;
      if (!endStream && !isFull) return DataStatus.StopIterationAndBuffer;
      this.#ask(check, stream, bytes);
    }
    return check.isWaiting ? DataStatus.StopIterationAndWatermark : DataStatus.Continue;
  }

  onRequestTrailers(stream: FilterStream, _trailers: HeaderBlock): DataStatus {
    const check = stream.scratch[this.#slot] as AuthzCheck | undefined;
    if (check === undefined || !check.holdsBody) return DataStatus.Continue;
    if (!check.isWaiting) this.#ask(check, stream, empty);
    return check.isWaiting ? DataStatus.StopIterationNoBuffer : DataStatus.Continue;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead): HeadersStatus {
    (stream.scratch[this.#slot] as AuthzCheck | undefined)?.addTo(head);
    return HeadersStatus.Continue;
  }

  onDestroy(stream: FilterStream): void {
    (stream.scratch[this.#slot] as AuthzCheck | undefined)?.cancel();
  }

  #isEnabled({ info }: FilterStream): boolean {
    const { enabled } = this.spec;
    const byFraction = enabled === null || isInFraction(enabled, this.#deps.runtime, Math.random());
    return byFraction && (this.#enabledMetadata === null || this.#enabledMetadata.matches(info));
  }

  /** null where it is not held. An upgrade's never ends. */
  #bodyOf(own: RouteAuthz | null, head: RequestHead, endStream: boolean): AuthzBodySpec | null {
    if (endStream || own?.spec.skipsBody) return null;
    if (head.protocol === "websocket" || head.get(Known.upgrade)?.toLowerCase() === "websocket") return null;
    return own?.spec.body ?? this.spec.body;
  }

  /** `last`: what came of the body and is not held; null where it is not asked for. */
  #ask(check: AuthzCheck, stream: FilterStream, last: Buffer | null): void {
    const own = stream.override(this.#slot) as RouteAuthz | null;
    check.begin(own?.service ?? this.#service, own?.context ?? this.#context, last);
  }
}

/** What a route says, linked. */
interface RouteAuthz {
  spec: ExtAuthzRouteSpec;
  service: AuthzService;
  context: CheckContext;
}

/** The strings of an object of node.metadata. */
function labelsOf(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, typeof text === "string" ? text : ""]));
}

const empty = Buffer.alloc(0);
