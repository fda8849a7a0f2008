import { collectDefaultMetrics, Registry } from "prom-client";

let registry: Registry | null = null;

/**
 * The process and its main thread as prom-client measures them (`process_*`, `nodejs_*`: CPU, memory, file descriptors,
 * garbage collection, lag of the event loop) in Prometheus' text format. Envoy has none of these names. Nothing is measured
 * before it is first asked for.
 */
export async function processMetrics(): Promise<string> {
  if (registry === null) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
  }
  return `${await registry.metrics()}\n`;
}
