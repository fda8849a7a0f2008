import type { DownstreamConnection } from "./connection-owner.ts";

/** How connections go whose listener or chain is no more. Envoy: --drain-strategy and --drain-time-s. */
export interface DrainPlan {
  /** Each is told at a moment of its own until the time is over; else all at once. */
  isGradual: boolean;
  /** After it what is left is closed. */
  timeMs: number;
}

/** Has connections go. */
export function drainByPlan(connections: readonly DownstreamConnection[], { isGradual, timeMs }: DrainPlan): void {
  if (connections.length === 0) return;
  for (const connection of connections) {
    if (isGradual) setTimeout(() => connection.drain(), Math.random() * timeMs).unref();
    else connection.drain();
  }
  setTimeout(() => {
    for (const connection of connections) connection.destroy();
  }, timeMs).unref();
}
