/** Something that has not come yet. */
export interface Wait {
  kind: "endpoints" | "names" | "routes" | "scopes" | "filter" | "secret";
  /** As it is asked for by; "" for scopes, which have none. */
  name: string;
}

/** A listener or cluster that is not in force yet, with what it waits for. */
export interface Waiting {
  name: string;
  /** When this version of it came. */
  since: Date;
  /** Another version of it serves meanwhile. */
  isServing: boolean;
  for: Wait[];
}

/** All that wait. */
export interface WaitingResources {
  /** false: the process waits for them before it serves at all. */
  isServing: boolean;
  /** While the process does not serve, all of them, those that wait for nothing of their own among them. */
  listeners: Waiting[];
  clusters: Waiting[];
}
