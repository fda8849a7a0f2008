import type { XdsHandler, XdsSubscription } from "./subscription.ts";

/** A control plane as it is asked for resources, whatever the way. */
export interface XdsSource {
  /** Begins to ask. */
  start(): void;
  stop(): void;
  /** Asks for all of a type (LDS, CDS), once for a handler. Names may be added to the answer (VHDS). `fetchTimeoutMs`: 0 waits for ever. */
  watchAll(typeUrl: string, handler: XdsHandler, fetchTimeoutMs: number): XdsSubscription;
  /** Nothing of a type is wanted any more: what still comes of it is ignored. */
  unwatchAll(typeUrl: string): void;
  /** The subscription of a type by names; nothing is asked for before a name is added. */
  watchNames(typeUrl: string, handler: XdsHandler): XdsSubscription;
  add(subscription: XdsSubscription, name: string, fetchTimeoutMs: number): void;
  remove(subscription: XdsSubscription, name: string): void;
}
