import type { Node } from "../proto/generated/envoy/config/core/v3/base_pb.ts";
import { Lifetimes } from "./lifetimes.ts";
import { fitNack } from "./nack-text.ts";
import type { XdsProtocol, XdsResponse } from "./protocol.ts";
import { type DueRequest, RequestQueue, type XdsRateLimit } from "./request-queue.ts";
import type { XdsSource } from "./source.ts";
import { type XdsHandler, XdsSubscription } from "./subscription.ts";
import type { XdsClock, XdsStream, XdsStreamSink, XdsTransport } from "./transport.ts";

/** Who hears of the connection itself. */
interface XdsObserver {
  /** A stream is open and wanted, or it ended. */
  onConnected(isConnected: boolean): void;
  /** control_plane.identifier of a response. */
  onControlPlane(identifier: string): void;
  /** The stream ended; the next try comes after `delayMs`. */
  onStreamEnd(status: number, message: string, delayMs: number): void;
  /** A request has to wait: rate_limit_settings. */
  onLimited(): void;
}

export interface XdsClientOptions {
  protocol: XdsProtocol;
  /** The method of the stream. */
  path: string;
  node: Node;
  /** set_node_on_first_message_only */
  isNodeOnFirstOnly: boolean;
  rateLimit: XdsRateLimit | null;
  transport: XdsTransport;
  clock: XdsClock;
  observer: XdsObserver;
  /** Of the back-off between streams. Envoy: 500 ms to 30 s, at random below. */
  baseDelayMs: number;
  maxDelayMs: number;
}

/**
 * One stream to a control plane: the types that are asked for on it, their requests and answers, and the stream after it.
 *
 *     stopped ─start─▶ open ─end─▶ waiting ─delay─▶ open …
 *
 * What was accepted stays accepted: a stream that ends takes nothing away.
 */
export class XdsClient implements XdsSource, XdsStreamSink {
  readonly #options: XdsClientOptions;
  readonly #lifetimes: Lifetimes;
  readonly #queue: RequestQueue;
  /** In the order of their first requests on a stream. */
  readonly #subscriptions = new Map<string, XdsSubscription>();
  #stream: XdsStream | null = null;
  #isStopped = true;
  #hasToldNode = false;
  #failures = 0;
  #cancelRetry: (() => void) | null = null;
  #isFlushScheduled = false;

  constructor(options: XdsClientOptions) {
    this.#options = options;
    this.#lifetimes = new Lifetimes(options.clock);
    this.#queue = new RequestQueue(
      options.rateLimit,
      options.clock,
      (request) => this.#write(request),
      () => options.observer.onLimited(),
    );
  }

  /** Requests that wait. */
  get pendingRequests(): number {
    return this.#queue.length;
  }

  start(): void {
    if (!this.#isStopped) return;
    this.#isStopped = false;
    this.#open();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelRetry?.();
    this.#stream?.close();
    this.#stream = null;
  }

  watchAll(typeUrl: string, handler: XdsHandler, fetchTimeoutMs: number): XdsSubscription {
    const known = this.#subscriptions.get(typeUrl);
    if (known?.handler === handler) return known;
    const subscription = new XdsSubscription(typeUrl, handler, true);
    this.#subscriptions.set(typeUrl, subscription);
    this.#limit(subscription, "*", fetchTimeoutMs);
    this.#schedule();
    return subscription;
  }

  unwatchAll(typeUrl: string): void {
    this.#subscriptions.delete(typeUrl);
  }

  watchNames(typeUrl: string, handler: XdsHandler): XdsSubscription {
    const subscription = new XdsSubscription(typeUrl, handler, false);
    this.#subscriptions.set(typeUrl, subscription);
    return subscription;
  }

  /** Changes of names in one turn go out as one request. */
  add(subscription: XdsSubscription, name: string, fetchTimeoutMs: number): void {
    if (subscription.names.has(name)) return;
    subscription.add(name);
    this.#limit(subscription, name, fetchTimeoutMs);
    this.#schedule();
  }

  remove(subscription: XdsSubscription, name: string): void {
    if (!subscription.names.has(name)) return;
    subscription.remove(name);
    this.#schedule();
  }

  // From the stream.

  onMessage(bytes: Uint8Array): void {
    let response: XdsResponse;
    try {
      response = this.#options.protocol.response(bytes);
    } catch (error) {
      // Not of this protocol: nothing on this stream can be trusted any more.
      this.#stream?.close();
      this.onEnd(internal, `a message that cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    this.#failures = 0;
    if (response.controlPlane !== "") this.#options.observer.onControlPlane(response.controlPlane);
    const subscription = this.#subscriptions.get(response.typeUrl);
    // Of a type that nobody asked for, or that nobody wants any more.
    if (subscription === undefined || !subscription.isWanted) return;
    subscription.nonce = response.nonce;
    const update = this.#lifetimes.renew(subscription, response.update);
    const refusal = update === null ? "" : fitNack(subscription.handler.onUpdate(update));
    if (refusal === "") this.#options.protocol.accept(subscription, response.update);
    this.#send(subscription, refusal);
  }

  onEnd(status: number, message: string): void {
    this.#stream = null;
    this.#queue.clear();
    if (this.#isStopped) return;
    this.#options.observer.onConnected(false);
    for (const { isWanted, handler } of this.#subscriptions.values()) if (isWanted) handler.onFailure("*");
    const { baseDelayMs, maxDelayMs, clock, observer } = this.#options;
    const window = Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(this.#failures, 16));
    const delayMs = Math.floor(clock.random() * window);
    this.#failures++;
    observer.onStreamEnd(status, message, delayMs);
    this.#cancelRetry = clock.schedule(() => this.#open(), delayMs);
  }

  #open(): void {
    this.#cancelRetry = null;
    this.#hasToldNode = false;
    for (const subscription of this.#subscriptions.values()) subscription.onStreamOpen();
    let hasEnded = false;
    const stream = this.#options.transport.open(this.#options.path, {
      onMessage: (bytes) => {
        if (this.#stream === stream) this.onMessage(bytes);
      },
      onEnd: (status, message) => {
        hasEnded = true;
        if (this.#stream === stream || this.#stream === null) this.onEnd(status, message);
      },
    });
    if (hasEnded) return;
    this.#stream = stream;
    this.#options.observer.onConnected(true);
    this.#flush();
  }

  #schedule(): void {
    if (this.#isFlushScheduled || this.#stream === null) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => {
      this.#isFlushScheduled = false;
      this.#flush();
    });
  }

  /** Requests for what the stream was not told of. */
  #flush(): void {
    for (const subscription of this.#subscriptions.values()) {
      if (this.#stream === null) return;
      const hasNews = subscription.toSubscribe.size > 0 || subscription.toUnsubscribe.size > 0;
      if (hasNews || (subscription.isWildcard && !subscription.isRequested)) this.#send(subscription, null);
    }
  }

  #send(subscription: XdsSubscription, refusal: string | null): void {
    if (this.#stream !== null) this.#queue.push({ subscription, refusal, nonce: subscription.nonce });
  }

  #write(request: DueRequest): void {
    const { protocol, node, isNodeOnFirstOnly } = this.#options;
    const message = protocol.request(request, this.#hasToldNode && isNodeOnFirstOnly ? undefined : node);
    this.#hasToldNode = true;
    request.subscription.isRequested = true;
    this.#stream?.send(message);
  }

  #limit(subscription: XdsSubscription, name: string, fetchTimeoutMs: number): void {
    if (fetchTimeoutMs === 0) return;
    this.#options.clock.schedule(() => {
      const isStillAsked = subscription.isWildcard || subscription.names.has(name);
      if (isStillAsked) subscription.handler.onFetchTimeout(name);
    }, fetchTimeoutMs);
  }
}

/** gRPC INTERNAL. */
const internal = 13;
