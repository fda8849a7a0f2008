import type { RequestHead, ResponseHead } from "../../http/header-block.ts";
import { type LocalReply, localReplies } from "../../observability/local-replies.ts";
import { ResponseFlag } from "../../observability/response-flags.ts";
import type { PerFilter } from "../../router/route.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { filterCounters } from "../counters.ts";
import type { FilterDeps } from "../linkers.ts";
import { routeConfig } from "../route-config.ts";
import { linkSessionState, type SessionState } from "./session-state.ts";
import type { StatefulSessionRouteSpec, StatefulSessionSpec } from "./spec.ts";

/** Keeps the requests of a session at one host. Envoy: StatefulSession. */
export class StatefulSessionFilter implements Filter {
  readonly #slot: number;
  readonly #config: SessionConfig;
  readonly #deps: FilterDeps;
  readonly #values: Float64Array;

  constructor(spec: StatefulSessionSpec, slot: number, deps: FilterDeps) {
    this.#slot = slot;
    this.#config = link(spec, deps, deps.statPrefix);
    this.#deps = deps;
    this.#values = deps.slab.values;
  }

  /** Envoy's stats of routes have no prefix but their own. */
  linkRoute(perFilter: PerFilter, name: string): SessionConfig | "off" | null {
    const spec = routeConfig<StatefulSessionRouteSpec>(perFilter, name);
    return spec === null || spec === "off" ? spec : link(spec, this.#deps, "");
  }

  onRequestHead(stream: FilterStream, head: RequestHead): HeadersStatus {
    const config = (stream.override(this.#slot) as SessionConfig | "off" | null) ?? this.#config;
    if (config === "off") return HeadersStatus.Continue;
    const { state } = config;
    const isCovered = state?.covers(head) === true;
    const address = isCovered ? state.read(head) : "";
    const session: Session = { config, isCovered, address };
    stream.scratch[this.#slot] = session;
    const { isStrict, missingReply } = config;
    if (address !== "") stream.info.overrideHost = { address, isStrict, missingReply };
    return HeadersStatus.Continue;
  }

  onResponseHead(stream: FilterStream, head: ResponseHead): HeadersStatus {
    const session = stream.scratch[this.#slot] as Session | null | undefined;
    if (session == null) return HeadersStatus.Continue;
    const { config, isCovered, address } = session;
    const host = stream.info.upstreamHost;
    if (host === "") {
      const isMissing = (stream.info.responseFlags & ResponseFlag.UH) !== 0;
      if (isCovered && isMissing && config.isStrict) this.#count(config, "failed_closed");
    } else if (config.state === null || !isCovered) this.#count(config, "no_session");
    else if (!config.state.update(head, host, address)) this.#count(config, "routed");
    else if (!config.isStrict) this.#count(config, "failed_open");
    return HeadersStatus.Continue;
  }

  #count({ stats }: SessionConfig, name: keyof NonNullable<SessionConfig["stats"]>): void {
    if (stats !== null) this.#values[stats[name]]++;
  }
}

/** Of one request. */
interface Session {
  config: SessionConfig;
  isCovered: boolean;
  /** What the request named; "" for none. */
  address: string;
}

interface SessionConfig {
  state: SessionState | null;
  isStrict: boolean;
  missingReply: LocalReply;
  stats: Record<"routed" | "failed_open" | "failed_closed" | "no_session", number> | null;
}

function link(
  { state, isStrict, missingStatus, statPrefix }: StatefulSessionSpec,
  deps: FilterDeps,
  prefix: string,
): SessionConfig {
  return {
    state: state === null ? null : linkSessionState(state),
    isStrict,
    missingReply: { ...localReplies.noHealthyUpstream, status: isStrict ? missingStatus : 503 },
    stats:
      statPrefix === ""
        ? null
        : filterCounters(deps.slab, `${prefix}stateful_session.${statPrefix}.`, [
            "routed",
            "failed_open",
            "failed_closed",
            "no_session",
          ]),
  };
}
