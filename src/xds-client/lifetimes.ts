import type { XdsSubscription, XdsUpdate } from "./subscription.ts";
import type { XdsClock } from "./transport.ts";

/** Resources that go when they are not renewed in time (Resource.ttl). Envoy: TtlManager. */
export class Lifetimes {
  readonly #clock: XdsClock;
  /** How to stop what ends each resource. */
  readonly #ends = new Map<XdsSubscription, Map<string, () => void>>();

  constructor(clock: XdsClock) {
    this.#clock = clock;
  }

  /**
   * Renews what an update names; what is left of it is the answer, null where it was nothing but heartbeats. Such a one of state of the world
   * takes nothing away, though it names only what has a time to live.
   */
  renew(subscription: XdsSubscription, update: XdsUpdate): XdsUpdate | null {
    for (const { name, ttlMs } of update.resources) this.#set(subscription, name, ttlMs);
    for (const name of update.removed) this.#set(subscription, name, null);
    const news = update.resources.filter((resource) => !isHeartbeat(subscription, update, resource));
    if (news.length === 0 && update.resources.length > 0 && update.removed.length === 0) return null;
    return update.isWholeState ? update : { ...update, resources: news };
  }

  #set(subscription: XdsSubscription, name: string, ttlMs: number | null): void {
    let ends = this.#ends.get(subscription);
    ends?.get(name)?.();
    ends?.delete(name);
    if (ttlMs === null) return;
    if (ends === undefined) this.#ends.set(subscription, (ends = new Map()));
    ends.set(
      name,
      this.#clock.schedule(() => {
        this.#ends.get(subscription)?.delete(name);
        subscription.versions.delete(name);
        const { version, handler } = subscription;
        handler.onUpdate({ version, resources: [], removed: [name], isWholeState: false });
      }, ttlMs),
    );
  }
}

/** Without a resource, at the version that is in force: it says only that the resource lives on. go-control-plane tells the version in the response alone. */
function isHeartbeat(
  subscription: XdsSubscription,
  update: XdsUpdate,
  { name, version, value }: XdsUpdate["resources"][number],
): boolean {
  if (value !== null) return false;
  if (!update.isWholeState) return version === subscription.versions.get(name);
  return update.version === subscription.version && (version === "" || version === update.version);
}
