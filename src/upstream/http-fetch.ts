import { type RequestWriter, StreamReset } from "../http/codec.ts";
import { RequestHead, type ResponseHead } from "../http/header-block.ts";
import type { Borrower, BorrowFailure } from "./borrower.ts";
import type { Cluster } from "./cluster.ts";
import type { Host } from "./host-set.ts";
import { OwnAnswer } from "./own-answer.ts";
import { markOwnRequest } from "./own-request.ts";

/** A request with its whole body. */
export interface FetchRequest {
  cluster: Cluster;
  method: string;
  path: string;
  /** "" for the cluster's name. */
  authority: string;
  /** Names in lower case. */
  headers: readonly (readonly [string, string])[];
  body: Buffer;
  /** 0 for none. */
  timeoutMs: number;
  /** False: it is sent for a client, whose x-forwarded-for stays as it is in `headers`. Envoy: setSendXff. */
  isOwn: boolean;
  /** Of several: who makes them says what counts, by `answered`. */
  isAttempt?: boolean;
}

/** What kept a fetch from a whole answer: no connection, one that broke before it or within it, time, or something else. */
export type FetchFailure = "connect" | "reset" | "cut" | "timeout" | "other";

/** Hears the end of a fetch, once. */
export interface FetchSink {
  /** `head` is valid during the call. */
  onAnswer(status: number, body: Buffer, head: ResponseHead): void;
  /** There is no whole answer; `why` in words. */
  onFailure(why: string, failure: FetchFailure): void;
}

/** One request of the proxy's own and its whole answer, over a cluster. Envoy: Http::AsyncClient::send. */
export class HttpFetch implements Borrower {
  readonly isHttp2 = false;
  readonly source = null;
  readonly bytes = null;
  readonly #request: FetchRequest;
  readonly #sink: FetchSink;
  readonly answered: OwnAnswer;
  /** null: nothing was reset. */
  resetReason: StreamReset | null = null;
  readonly #timer: NodeJS.Timeout | undefined;
  #writer: RequestWriter | null = null;
  #head: ResponseHead | null = null;
  readonly #body: Buffer[] = [];
  #bytes = 0;
  #isOver = false;

  constructor(request: FetchRequest, sink: FetchSink) {
    this.#request = request;
    this.#sink = sink;
    this.answered = new OwnAnswer(request.cluster, true);
    const { timeoutMs } = request;
    this.#timer = timeoutMs === 0 ? undefined : setTimeout(() => this.#onTimeout(), timeoutMs);
    request.cluster.borrow(this, null, "DEFAULT");
  }

  /** The sink hears nothing more. */
  cancel(): void {
    if (!this.#end()) return;
    if (this.#writer === null) this.#request.cluster.cancel(this);
    else this.#writer.reset(StreamReset.localReset);
  }

  // From the pool.

  onReady(writer: RequestWriter, host: Host): void {
    this.answered.onReady(host);
    if (this.#isOver) {
      writer.reset(StreamReset.localReset);
      return;
    }
    this.#writer = writer;
    const { cluster, method, path, authority, headers, body, timeoutMs, isOwn } = this.#request;
    const head = new RequestHead();
    head.method = method;
    head.path = path;
    head.authority = authority === "" ? cluster.name : authority;
    head.scheme = cluster.spec.tls === null ? "http" : "https";
    for (const [name, value] of headers) head.append(name, value);
    if (body.length > 0) head.append("content-length", String(body.length));
    if (timeoutMs > 0) head.append("x-envoy-expected-rq-timeout-ms", String(timeoutMs));
    if (isOwn) markOwnRequest(head);
    else head.set("x-envoy-internal", "true");
    if (!cluster.addCredential(head)) {
      this.#fail("there is no credential to send", "other");
      writer.reset(StreamReset.localReset);
      return;
    }
    writer.writeHead(head, body.length === 0);
    if (body.length > 0) writer.writeData(body, true);
  }

  onBorrowFailed(reason: BorrowFailure, detail: string, host: Host | null): void {
    if (this.#request.isAttempt !== true) this.answered.onBorrowFailed(host);
    const isConnect = reason === "remote_connection_failure" || reason === "connection_timeout";
    this.#fail(detail === "" ? reason : `${reason}: ${detail}`, isConnect ? "connect" : "other");
  }

  // The response.

  onHead(head: ResponseHead, endStream: boolean): void {
    if (head.status < 200) return;
    if (this.#request.isAttempt !== true) this.answered.onHead(head);
    this.#head = head;
    if (endStream) this.#answer();
  }

  onData(bytes: Buffer, endStream: boolean): void {
    if (this.#isOver) return;
    this.#bytes += bytes.length;
    if (this.#bytes > maxBody) {
      this.#fail(`an answer of more than ${maxBody} bytes`, "other");
      this.#writer?.reset(StreamReset.localReset);
      return;
    }
    this.#body.push(Buffer.from(bytes));
    if (endStream) this.#answer();
  }

  onTrailers(): void {
    this.#answer();
  }

  onReset(reason: StreamReset, detail: string): void {
    this.resetReason = reason;
    if (!this.#isOver && this.#request.isAttempt !== true) this.answered.onReset(reason);
    this.#fail(detail === "" ? reason : `${reason}: ${detail}`, this.#head === null ? "reset" : "cut");
  }

  onWritable(): void {}

  #onTimeout(): void {
    if (this.#request.isAttempt !== true) this.answered.onTimeout();
    this.cancel();
    this.#sink.onFailure(`no answer within ${this.#request.timeoutMs} ms`, "timeout");
  }

  #answer(): void {
    const head = this.#head;
    if (head !== null && this.#end()) this.#sink.onAnswer(head.status, Buffer.concat(this.#body), head);
  }

  #fail(why: string, failure: FetchFailure): void {
    if (this.#end()) this.#sink.onFailure(why, failure);
  }

  /** False when it was over. */
  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#timer);
    return true;
  }
}

/** Far above what control planes send. */
const maxBody = 256 * 1024 * 1024;
