import { ByteCounts } from "../http/byte-counts.ts";
import { type RequestWriter, StreamReset } from "../http/codec.ts";
import type { HeaderBlock, ResponseHead } from "../http/header-block.ts";
import { RequestHead } from "../http/header-block.ts";
import type { Borrower, BorrowFailure, UpstreamConnectionInfo } from "./borrower.ts";
import type { Cluster } from "./cluster.ts";
import { frameGrpc, GrpcMessages } from "./grpc-messages.ts";
import type { Host } from "./host-set.ts";
import { OwnAnswer } from "./own-answer.ts";
import { markOwnRequest } from "./own-request.ts";

/** What a gRPC stream tells its owner. */
export interface GrpcSink {
  /** One message, whole; the bytes are the owner's. */
  onMessage(bytes: Uint8Array): void;
  /** The end, once: a gRPC status, and why. */
  onEnd(status: number, message: string): void;
}

/** Where a stream goes. */
export interface GrpcTarget {
  cluster: Cluster;
  /** "/package.Service/Method" */
  path: string;
  /** initial_metadata; each name once, in lower case. */
  metadata: readonly (readonly [string, string])[];
  /** "" for the cluster's name. */
  authority: string;
  /** skip_envoy_headers */
  skipsEnvoyHeaders: boolean;
}

/** A bidirectional gRPC stream over a cluster of ours: its load balancing, TLS and breakers apply. Envoy: Grpc::AsyncStreamImpl. */
export class GrpcStream implements Borrower {
  readonly isHttp2 = true;
  readonly source = null;
  readonly bytes = new ByteCounts();
  readonly #sink: GrpcSink;
  readonly #target: GrpcTarget;
  readonly #answer: OwnAnswer;
  /** Sent before there was a connection. */
  #waiting: Buffer[] = [];
  /** The last of them ends our side. */
  #isSent = false;
  #writer: RequestWriter | null = null;
  #connection: UpstreamConnectionInfo | null = null;
  #isOver = false;
  readonly #messages = new GrpcMessages(maxMessage);

  constructor(target: GrpcTarget, sink: GrpcSink) {
    this.#sink = sink;
    this.#target = target;
    this.#answer = new OwnAnswer(target.cluster, !target.skipsEnvoyHeaders);
    target.cluster.borrow(this, null, "DEFAULT");
  }

  /** `isLast`: nothing more comes from our side. */
  send(message: Uint8Array, isLast = false): void {
    if (this.#isOver) return;
    const framed = frameGrpc(message);
    if (this.#writer !== null) {
      this.#writer.writeData(framed, isLast);
      return;
    }
    this.#waiting.push(framed);
    this.#isSent = isLast;
  }

  /** Ends it from our side; the sink hears nothing more. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#writer === null) this.#target.cluster.cancel(this);
    else this.#writer.reset(StreamReset.localReset);
  }

  /** close(), because it takes too long. */
  timeOut(): void {
    if (!this.#isOver) this.#answer.onTimeout();
    this.close();
  }

  /** null before there was a connection. */
  get wireBytes(): ByteCounts | null {
    return this.#connection === null ? null : this.bytes;
  }

  // From the pool.

  onReady(writer: RequestWriter, host: Host, connection: UpstreamConnectionInfo): void {
    this.#writer = writer;
    this.#connection = connection;
    this.#answer.onReady(host);
    const { cluster, path, metadata, authority, skipsEnvoyHeaders } = this.#target;
    const head = new RequestHead();
    head.method = "POST";
    head.path = path;
    head.authority = authority === "" ? cluster.name : authority;
    head.scheme = cluster.spec.tls === null ? "http" : "https";
    head.append("te", "trailers");
    head.append("content-type", "application/grpc");
    for (const [name, value] of metadata) head.set(name, value);
    if (!skipsEnvoyHeaders) markOwnRequest(head);
    if (!cluster.addCredential(head)) {
      this.#end(unauthenticated, "there is no credential to send");
      writer.reset(StreamReset.localReset);
      return;
    }
    writer.writeHead(head, false);
    const last = this.#isSent ? this.#waiting.length - 1 : -1;
    for (const [i, framed] of this.#waiting.entries()) writer.writeData(framed, i === last);
    this.#waiting = [];
  }

  onBorrowFailed(reason: BorrowFailure, detail: string, host: Host | null): void {
    this.#answer.onBorrowFailed(host);
    this.#end(unavailable, detail === "" ? reason : `${reason}: ${detail}`);
  }

  // The response.

  onHead(head: ResponseHead, endStream: boolean): void {
    this.#answer.onHead(head);
    if (head.status !== 200) {
      this.#end(unavailable, `HTTP status ${head.status}`);
      this.#writer?.reset(StreamReset.localReset);
    } else if (endStream) this.#endBy(head);
  }

  onData(bytes: Buffer, endStream: boolean): void {
    if (this.#isOver) return;
    this.#messages.push(bytes);
    for (let next = this.#messages.next(); next !== null && !this.#isOver; next = this.#messages.next()) {
      if (typeof next !== "string") {
        this.#sink.onMessage(next);
        continue;
      }
      this.#end(internal, next);
      this.#writer?.reset(StreamReset.localReset);
      return;
    }
    if (endStream) this.#end(unknown, "the stream ended without a status");
  }

  onTrailers(trailers: HeaderBlock): void {
    this.#endBy(trailers);
  }

  onReset(reason: StreamReset, detail: string): void {
    if (!this.#isOver) this.#answer.onReset(reason);
    this.#end(unavailable, detail === "" ? reason : `${reason}: ${detail}`);
  }

  onWritable(): void {}

  #endBy(fields: HeaderBlock): void {
    const status = fields.find("grpc-status");
    this.#end(status === null ? unknown : Number(status), decodeURIComponentOr(fields.find("grpc-message") ?? ""));
  }

  #end(status: number, message: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.onEnd(status, message);
  }
}

/** grpc-message is percent-encoded. */
function decodeURIComponentOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Far above what control planes send, below what a broken length would ask for. */
const maxMessage = 256 * 1024 * 1024;
const unknown = 2;
const internal = 13;
const unavailable = 14;
const unauthenticated = 16;
