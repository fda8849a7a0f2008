import { eventClock } from "../net/event-clock.ts";
import { type AccessLog, linkAccessLogs } from "../observability/access-log.ts";
import type { AccessLogSinks } from "../observability/access-log-sink.ts";
import type { ListenerFacts, NodeFacts } from "../observability/facts.ts";
import { StreamInfo } from "../observability/stream-info.ts";
import { listenerFacts, logFilterContext } from "./log-parts.ts";
import type { RuntimeValues } from "./runtime-values.ts";
import type { ListenerSpec } from "./spec.ts";

/** The access logs of a listener: a line for each connection, when it ends. Envoy: ActiveStreamListenerBase::emitLogs. */
export class ConnectionLog {
  readonly isEmpty: boolean;
  readonly #logs: readonly AccessLog[];
  readonly #listener: ListenerFacts;
  readonly #info = new StreamInfo();

  constructor(spec: ListenerSpec, deps: { logs: AccessLogSinks; runtime: RuntimeValues; node: NodeFacts }) {
    this.isEmpty = spec.accessLogs.length === 0;
    this.#logs = linkAccessLogs(spec.accessLogs, deps.logs, logFilterContext(deps.runtime));
    this.#listener = listenerFacts(spec, deps.node);
  }

  /** `describe` tells what is known of the connection, and when it began. */
  write(describe: (info: StreamInfo) => void): void {
    if (this.isEmpty) return;
    const info = this.#info;
    info.reset();
    info.accessLogType = "NotSet";
    info.listener = this.#listener;
    describe(info);
    info.end = eventClock.now;
    info.startTimeMs = eventClock.wallNow - (info.end - info.start);
    for (const log of this.#logs) log.log(info);
  }
}
