/** What a stream to a control plane tells. */
export interface XdsStreamSink {
  /** One message, whole. Valid during the call. */
  onMessage(bytes: Uint8Array): void;
  /** It is over, once. `status` is a gRPC status, `message` says why; "" for nothing. */
  onEnd(status: number, message: string): void;
}

/** A bidirectional gRPC stream. */
export interface XdsStream {
  send(message: Uint8Array): void;
  /** Ends it from our side; the sink hears nothing more. */
  close(): void;
}

/** Opens streams to a control plane: a cluster's connections, or what a test brings. */
export interface XdsTransport {
  /** `path`: "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources". onEnd may be called before it returns. */
  open(path: string, sink: XdsStreamSink): XdsStream;
}

/** Time and chance, passed in. */
export interface XdsClock {
  /** [0, 1) */
  random(): number;
  /** Monotonic, ms. */
  now(): number;
  /** Runs `what` after `delayMs`; answers how to stop it. */
  schedule(what: () => void, delayMs: number): () => void;
}
