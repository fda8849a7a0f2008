import type { ByteCounts } from "../../http/byte-counts.ts";
import { HeaderBlock, type ResponseHead } from "../../http/header-block.ts";
import { HeaderMutations } from "../../router/header-mutation.ts";
import { StringMatcher } from "../../router/matchers.ts";
import type { StringMatcherSpec } from "../../router/spec.ts";
import { compileTemplate } from "../../router/template-value.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import { GrpcCall, type GrpcCallSink } from "../../upstream/grpc-call.ts";
import { type FetchSink, HttpFetch } from "../../upstream/http-fetch.ts";
import type { FilterStream } from "../api.ts";
import { CallMetadata } from "../call-metadata.ts";
import { type CheckContext, encodeCheckRequest, type ShownBody, shownFields } from "./check-request.ts";
import { HttpAttempts } from "./http-attempts.ts";
import type { AuthzServiceSpec, GrpcAuthzSpec, HttpAuthzSpec } from "./spec.ts";
import { type AnswerMatchers, grpcVerdict, httpVerdict, noVerdict, type Verdict } from "./verdict.ts";

/** Who is asked. */
export interface AuthzService {
  /** The sink hears once, perhaps before it returns. */
  ask(stream: FilterStream, context: CheckContext, body: ShownBody | null, sink: VerdictSink): AuthzCall;
}

export interface VerdictSink {
  onVerdict(verdict: Verdict): void;
}

export interface AuthzCall {
  /** Of a call by gRPC. */
  readonly wireBytes?: ByteCounts | null;
  /** The sink hears nothing more. */
  cancel(): void;
}

/** Spec to the live service. */
export function linkService(spec: AuthzServiceSpec, clusters: (name: string) => Cluster | null): AuthzService {
  return spec.kind === "grpc" ? new GrpcAuthz(spec, clusters) : new HttpAuthz(spec, clusters);
}

/** Live matchers of a list. */
export function matchersOf(specs: readonly StringMatcherSpec[]): StringMatcher[] {
  return specs.map((spec) => new StringMatcher(spec));
}

/** Envoy: GrpcClientImpl. */
class GrpcAuthz implements AuthzService {
  readonly #spec: GrpcAuthzSpec;
  readonly #clusters: (name: string) => Cluster | null;
  readonly #metadata: CallMetadata;

  constructor(spec: GrpcAuthzSpec, clusters: (name: string) => Cluster | null) {
    this.#spec = spec;
    this.#clusters = clusters;
    this.#metadata = new CallMetadata(spec.service, spec.timeoutMs);
  }

  ask(stream: FilterStream, context: CheckContext, body: ShownBody | null, sink: VerdictSink): AuthzCall {
    const { timeoutMs, service } = this.#spec;
    const cluster = this.#clusters(service.cluster);
    if (cluster === null) return fail(sink);
    const { authority, skipsEnvoyHeaders } = service;
    const metadata = this.#metadata.of(stream.info);
    const target = { cluster, path: checkPath, metadata, authority, skipsEnvoyHeaders };
    return new GrpcCall(target, encodeCheckRequest(stream, context, body), timeoutMs, new GrpcAnswer(sink));
  }
}

class GrpcAnswer implements GrpcCallSink {
  readonly #sink: VerdictSink;

  constructor(sink: VerdictSink) {
    this.#sink = sink;
  }

  onAnswer(message: Uint8Array): void {
    this.#sink.onVerdict(grpcVerdict(message) ?? noVerdict());
  }

  onFailure(): void {
    this.#sink.onVerdict(noVerdict());
  }
}

/** Envoy: RawHttpClientImpl. */
class HttpAuthz implements AuthzService {
  readonly #spec: HttpAuthzSpec;
  readonly #clusters: (name: string) => Cluster | null;
  readonly #headersToAdd: HeaderMutations;
  readonly #matchers: AnswerMatchers;

  constructor(spec: HttpAuthzSpec, clusters: (name: string) => Cluster | null) {
    this.#spec = spec;
    this.#clusters = clusters;
    this.#headersToAdd = new HeaderMutations(spec.headersToAdd, [], compileTemplate);
    this.#matchers = {
      toUpstream: matchersOf(spec.toUpstream),
      toUpstreamAppended: matchersOf(spec.toUpstreamAppended),
      toClient: spec.toClient === null ? null : matchersOf(spec.toClient),
      toClientOnSuccess: matchersOf(spec.toClientOnSuccess),
      toMetadata: matchersOf(spec.toMetadata),
    };
  }

  ask(stream: FilterStream, { choice }: CheckContext, body: ShownBody | null, sink: VerdictSink): AuthzCall {
    const spec = this.#spec;
    const cluster = this.#clusters(spec.cluster);
    if (cluster === null) return fail(sink);
    const shown = new HeaderBlock();
    if (body === null || body.bytes.length === 0) shown.append("content-length", "0");
    for (const [name, value] of shownFields(stream.request, choice, body)) {
      if (!name.startsWith(":") && name !== "content-length") shown.append(name, value);
    }
    this.#headersToAdd.apply(shown, stream.info);
    const { method, path, authority } = stream.request;
    const request = {
      cluster,
      method,
      path: spec.pathOverride || spec.pathPrefix + path,
      authority,
      headers: pairsOf(shown),
      body: body?.bytes ?? empty,
      timeoutMs: spec.timeoutMs,
      isOwn: false,
    };
    const answer = new HttpAnswer(sink, this.#matchers);
    return spec.retry === null ? new HttpFetch(request, answer) : new HttpAttempts(request, spec.retry, answer);
  }
}

class HttpAnswer implements FetchSink {
  readonly #sink: VerdictSink;
  readonly #matchers: AnswerMatchers;
  readonly #startMs = performance.now();

  constructor(sink: VerdictSink, matchers: AnswerMatchers) {
    this.#sink = sink;
    this.#matchers = matchers;
  }

  onAnswer(_status: number, body: Buffer, head: ResponseHead): void {
    // For Envoy the service is an upstream.
    head.set("x-envoy-upstream-service-time", String(Math.round(performance.now() - this.#startMs)));
    this.#sink.onVerdict(httpVerdict(head, body, this.#matchers));
  }

  onFailure(): void {
    this.#sink.onVerdict(noVerdict());
  }
}

function pairsOf(block: HeaderBlock): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < block.size; i++) {
    if (block.names[i] !== "") pairs.push([block.names[i] as string, block.values[i] as string]);
  }
  return pairs;
}

function fail(sink: VerdictSink): AuthzCall {
  sink.onVerdict(noVerdict());
  return over;
}

const over: AuthzCall = { cancel: () => {} };
const empty = Buffer.alloc(0);
const checkPath = "/envoy.service.auth.v3.Authorization/Check";
