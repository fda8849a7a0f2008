import type { Any } from "@bufbuild/protobuf/wkt";

/** One resource of a response. */
interface XdsResource {
  /** "" where only the resource itself says it: state of the world without the Resource wrapper. */
  name: string;
  /** Other names that it was asked for by; delta. */
  aliases: string[];
  version: string;
  /** null for a heartbeat, the resource is as it was; and for one that was asked for and is not there (VHDS). */
  value: Any | null;
  /** null: it stays until it is taken away. */
  ttlMs: number | null;
}

/** What a control plane said of one type. */
export interface XdsUpdate {
  version: string;
  resources: XdsResource[];
  /** Delta: those that are gone. */
  removed: string[];
  /** State of the world: the whole of it, so that a resource of a type that is asked for as a whole (LDS, CDS) is gone when it is not in it. */
  isWholeState: boolean;
}

/** Who the resources of one type are for. */
export interface XdsHandler {
  /** Takes what is good in it. "" when all was; else the text of the NACK. */
  onUpdate(update: XdsUpdate): string;
  /** initial_fetch_timeout passed for a name; "*" for all of the type. */
  onFetchTimeout(name: string): void;
  /** A name is asked for, or asked for again; "*" for all of the type. */
  onAttempt(name: string): void;
  /** Nothing could be got for a name; "*" for all. */
  onFailure(name: string): void;
}

/** What is asked for of one type, and what was got. It outlives streams. */
export class XdsSubscription {
  readonly typeUrl: string;
  readonly handler: XdsHandler;
  /** All of the type: LDS, CDS. */
  readonly isWildcard: boolean;
  readonly names = new Set<string>();
  /** The version last accepted; state of the world. */
  version = "";
  /** Versions of what was accepted, by name; delta. */
  readonly versions = new Map<string, string>();
  /** Of the last response on this stream; "" before the first. */
  nonce = "";
  /** Changes of `names` that this stream was not told of. */
  readonly toSubscribe = new Set<string>();
  readonly toUnsubscribe = new Set<string>();
  /** Whether this stream was told anything of the type. */
  isRequested = false;

  constructor(typeUrl: string, handler: XdsHandler, isWildcard: boolean) {
    this.typeUrl = typeUrl;
    this.handler = handler;
    this.isWildcard = isWildcard;
  }

  add(name: string): void {
    this.names.add(name);
    if (!this.toUnsubscribe.delete(name)) this.toSubscribe.add(name);
  }

  remove(name: string): void {
    this.names.delete(name);
    this.versions.delete(name);
    if (!this.toSubscribe.delete(name)) this.toUnsubscribe.add(name);
  }

  /** A new stream knows nothing. */
  onStreamOpen(): void {
    this.nonce = "";
    this.isRequested = false;
    this.toUnsubscribe.clear();
    for (const name of this.names) this.toSubscribe.add(name);
  }

  get isWanted(): boolean {
    return this.isWildcard || this.names.size > 0 || this.isRequested;
  }
}
