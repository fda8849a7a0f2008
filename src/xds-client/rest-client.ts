import { create, toJsonString } from "@bufbuild/protobuf";
import type { Node } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
} from "../proto/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { typeRegistry } from "../proto/type-registry.ts";
import { sotwUpdate } from "./protocol.ts";
import type { XdsSource } from "./source.ts";
import { type XdsHandler, XdsSubscription } from "./subscription.ts";
import type { XdsClock } from "./transport.ts";

/** Posts a request to a control plane; answers how to give it up. */
type RestPost = (
  path: string,
  body: string,
  sink: { onAnswer(status: number, body: Buffer): void; onFailure(why: string): void },
) => () => void;

export interface RestClientOptions {
  node: Node;
  /** Of the requests for a type: "/v3/discovery:clusters". */
  path(typeUrl: string): string;
  post: RestPost;
  /** Reads an answer; a string says why it cannot be read. */
  read(body: Buffer): DiscoveryResponse | string;
  /** Between an answer and the next request, and up to as much again at random. */
  refreshMs: number;
  clock: XdsClock;
  /** An answer came that can be used. */
  onAnswered(): void;
  /** A request without an answer that can be used. */
  onFailure(path: string, why: string): void;
}

/** REST: each type that is asked for as a whole, and each name of the others, is polled by itself. Envoy: HttpSubscriptionImpl. */
export class RestClient implements XdsSource {
  readonly #options: RestClientOptions;
  /** By type and name; "*" for all of a type. */
  readonly #polls = new Map<string, Poll>();
  #isStarted = false;

  constructor(options: RestClientOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    for (const poll of this.#polls.values()) poll.start();
  }

  stop(): void {
    this.#isStarted = false;
    for (const poll of this.#polls.values()) poll.stop();
  }

  watchAll(typeUrl: string, handler: XdsHandler, fetchTimeoutMs: number): XdsSubscription {
    const known = this.#polls.get(keyOf(typeUrl, "*"));
    if (known?.subscription.handler === handler) return known.subscription;
    const subscription = new XdsSubscription(typeUrl, handler, true);
    this.#begin(subscription, "*", fetchTimeoutMs);
    return subscription;
  }

  unwatchAll(typeUrl: string): void {
    this.#end(typeUrl, "*");
  }

  watchNames(typeUrl: string, handler: XdsHandler): XdsSubscription {
    return new XdsSubscription(typeUrl, handler, false);
  }

  add(subscription: XdsSubscription, name: string, fetchTimeoutMs: number): void {
    if (subscription.names.has(name)) return;
    subscription.add(name);
    this.#begin(subscription, name, fetchTimeoutMs);
  }

  remove(subscription: XdsSubscription, name: string): void {
    if (!subscription.names.has(name)) return;
    subscription.remove(name);
    this.#end(subscription.typeUrl, name);
  }

  #begin(subscription: XdsSubscription, name: string, fetchTimeoutMs: number): void {
    this.#end(subscription.typeUrl, name);
    const poll = new Poll(subscription, name, this.#options);
    this.#polls.set(keyOf(subscription.typeUrl, name), poll);
    if (fetchTimeoutMs > 0) {
      this.#options.clock.schedule(() => {
        if (this.#polls.get(keyOf(subscription.typeUrl, name)) === poll) subscription.handler.onFetchTimeout(name);
      }, fetchTimeoutMs);
    }
    if (this.#isStarted) poll.start();
  }

  #end(typeUrl: string, name: string): void {
    this.#polls.get(keyOf(typeUrl, name))?.stop();
    this.#polls.delete(keyOf(typeUrl, name));
  }
}

/** One thing that is asked for again and again. */
class Poll {
  readonly subscription: XdsSubscription;
  readonly #name: string;
  readonly #options: RestClientOptions;
  /** That was accepted last. */
  #version = "";
  /** Gives up the request in flight, or the next one. */
  #cancel: (() => void) | null = null;

  constructor(subscription: XdsSubscription, name: string, options: RestClientOptions) {
    this.subscription = subscription;
    this.#name = name;
    this.#options = options;
  }

  start(): void {
    const { typeUrl } = this.subscription;
    const { node, path, post } = this.#options;
    const request = create(DiscoveryRequestSchema, {
      versionInfo: this.#version,
      node,
      typeUrl,
      resourceNames: this.#name === "*" ? [] : [this.#name],
    });
    const body = toJsonString(DiscoveryRequestSchema, request, { useProtoFieldName: true, registry: typeRegistry });
    this.#cancel = post(path(typeUrl), body, {
      onAnswer: (status, answer) => {
        this.#cancel = null;
        const why = this.#take(status, answer);
        if (why === "") this.#options.onAnswered();
        else this.#fail(why);
        this.#wait();
      },
      onFailure: (why) => {
        this.#cancel = null;
        this.#fail(why);
        this.#wait();
      },
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** "" or why the answer cannot be used. */
  #take(status: number, body: Buffer): string {
    if (status === notModified) return "";
    if (status !== 200) return `HTTP status ${status}`;
    const response = this.#options.read(body);
    if (typeof response === "string") return response;
    const update = sotwUpdate(response);
    if (this.subscription.handler.onUpdate(update) === "") this.#version = update.version;
    return "";
  }

  #fail(why: string): void {
    this.subscription.handler.onFailure(this.#name);
    this.#options.onFailure(this.#options.path(this.subscription.typeUrl), why);
  }

  #wait(): void {
    const { refreshMs, clock } = this.#options;
    this.#cancel = clock.schedule(
      () => {
        this.#cancel = null;
        this.subscription.handler.onAttempt(this.#name);
        this.start();
      },
      // Never without a pause, whatever refresh_delay says.
      Math.max(1, refreshMs + Math.floor(clock.random() * refreshMs)),
    );
  }
}

function keyOf(typeUrl: string, name: string): string {
  return `${typeUrl} ${name}`;
}

const notModified = 304;
