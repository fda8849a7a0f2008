import type { SocketAddress } from "../net/address.ts";
import { type ConnectOptions, connectTransport } from "../net/connect-transport.ts";
import type { Timers } from "../net/timer-wheel.ts";
import { timers } from "../net/timer-wheel.ts";
import type { Transport, TransportSink } from "../net/transport.ts";
import type { AccessLogSinks } from "../observability/access-log-sink.ts";
import type { TokenSources } from "./token-source.ts";

/** What a connection uses of its transport. */
export type UpstreamTransport = Pick<
  Transport,
  | "writeText"
  | "writeBytes"
  | "pause"
  | "resume"
  | "end"
  | "destroy"
  | "localText"
  | "tls"
  | "handTo"
  | "bytesWritten"
  | "scheduleFlush"
  | "isWritable"
  | "writeChunk"
>;

/** The world outside, passed in so that tests bring their own. */
export interface UpstreamEnvironment {
  connect(address: SocketAddress, options: ConnectOptions, sink: TransportSink): UpstreamTransport;
  timers: Timers;
  /** Monotonic milliseconds. */
  now(): number;
  /** [0, 1) */
  random(): number;
  /** For key_log; null where none is kept. */
  logs: AccessLogSinks | null;
  /** For credentials by oauth2; null where none are fetched. */
  tokens: TokenSources | null;
}

export const realEnvironment: UpstreamEnvironment = {
  connect: connectTransport,
  timers,
  now: () => performance.now(),
  random: Math.random,
  logs: null,
  tokens: null,
};
