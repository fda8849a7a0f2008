import { badValueName } from "../../http/bad-value.ts";
import { type RequestWriter, StreamReset } from "../../http/codec.ts";
import { copyFields, copyRequest } from "../../http/copy-head.ts";
import { HeaderBlock, RequestHead, type ResponseHead } from "../../http/header-block.ts";
import { Known } from "../../http/names.ts";
import type { Mirror } from "../../router/mirror.ts";
import type { Route } from "../../router/route.ts";
import type { Borrower, BorrowFailure } from "../../upstream/borrower.ts";
import type { Cluster } from "../../upstream/cluster.ts";
import type { Host } from "../../upstream/host-set.ts";
import { OwnAnswer } from "../../upstream/own-answer.ts";
import { markOwnRequest } from "../../upstream/own-request.ts";

/** What the copies of one request share. */
export interface ShadowContext {
  route: Route;
  clusters: (name: string) => Cluster | null;
  isHttp2: boolean;
  timeoutMs: number;
  /** A copy that waits with more than this is given up. */
  bufferLimitBytes: number;
}

/** The copies of one request that its route's mirrors ask for. Envoy: Router::Filter's shadow streams, ShadowWriterImpl. */
export class Shadows {
  readonly #shadows: Shadow[] = [];

  /** null where no copy is due. `head` is as the upstream gets it. */
  static begin(head: RequestHead, endStream: boolean, context: ShadowContext): Shadows | null {
    // A tunnel has no end to copy.
    if (head.method === "CONNECT" || head.has(Known.upgrade) || badValueName(head) !== null) return null;
    let shadows: Shadows | null = null;
    for (const mirror of context.route.mirrors) {
      if (!mirror.isDue(Math.random())) continue;
      const cluster = context.clusters(mirror.clusterFor(head));
      if (cluster === null) continue;
      shadows ??= new Shadows();
      shadows.#shadows.push(new Shadow(copyOf(head, mirror), endStream, cluster, context));
    }
    return shadows;
  }

  data(bytes: Buffer, endStream: boolean): void {
    for (const shadow of this.#shadows) shadow.data(bytes, endStream);
  }

  trailers(trailers: HeaderBlock): void {
    for (const shadow of this.#shadows) shadow.trailers(trailers);
  }

  /** The request is over: copies that have all of it go on alone. */
  leave(): void {
    for (const shadow of this.#shadows) shadow.leave();
  }
}

/** One copy; nobody hears what is answered. */
class Shadow implements Borrower {
  readonly isHttp2: boolean;
  readonly source = null;
  readonly bytes = null;
  readonly #cluster: Cluster;
  readonly #answer: OwnAnswer;
  readonly #head: RequestHead;
  readonly #isHeadOnly: boolean;
  readonly #limitBytes: number;
  readonly #timer: NodeJS.Timeout | null;
  #writer: RequestWriter | null = null;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #trailers: HeaderBlock | null = null;
  #isComplete: boolean;
  #isOver = false;

  constructor(head: RequestHead, endStream: boolean, cluster: Cluster, context: ShadowContext) {
    this.#head = head;
    this.#isHeadOnly = endStream;
    this.#isComplete = endStream;
    this.#cluster = cluster;
    this.#answer = new OwnAnswer(cluster, true);
    this.#limitBytes = context.bufferLimitBytes;
    this.isHttp2 = context.isHttp2;
    this.#timer = context.timeoutMs > 0 ? setTimeout(() => this.#onTimeout(), context.timeoutMs) : null;
    cluster.borrow(this, head, context.route.priority);
  }

  data(bytes: Buffer, endStream: boolean): void {
    if (this.#isOver) return;
    if (endStream) this.#isComplete = true;
    if (this.#writer === null) {
      this.#waiting.push(Buffer.from(bytes));
      this.#waitingBytes += bytes.length;
      if (this.#waitingBytes > this.#limitBytes) this.#giveUp();
    } else if (!this.#writer.writeData(bytes, endStream) && !endStream) this.#giveUp();
  }

  trailers(trailers: HeaderBlock): void {
    if (this.#isOver) return;
    this.#isComplete = true;
    if (this.#writer === null) {
      this.#trailers = new HeaderBlock();
      copyFields(trailers, this.#trailers);
    } else this.#writer.writeTrailers(trailers);
  }

  leave(): void {
    if (!this.#isComplete) this.#giveUp();
  }

  // From the pool.

  onReady(writer: RequestWriter, host: Host): void {
    this.#answer.onReady(host);
    if (this.#isOver) {
      writer.reset(StreamReset.localReset);
      return;
    }
    this.#writer = writer;
    writer.writeHead(this.#head, this.#isHeadOnly);
    if (this.#isHeadOnly) return;
    const isLast = this.#isComplete && this.#trailers === null;
    if (isLast || this.#waitingBytes > 0) writer.writeData(Buffer.concat(this.#waiting), isLast);
    this.#waiting = [];
    if (this.#trailers !== null) writer.writeTrailers(this.#trailers);
  }

  onBorrowFailed(_reason: BorrowFailure, _detail: string, host: Host | null): void {
    this.#answer.onBorrowFailed(host);
    this.#end();
  }

  onHead(head: ResponseHead, endStream: boolean): void {
    if (head.status < 200) return;
    this.#answer.onHead(head);
    if (endStream) this.#end();
  }

  onData(_bytes: Buffer, endStream: boolean): void {
    if (endStream) this.#end();
  }

  onTrailers(): void {
    this.#end();
  }

  onReset(reason: StreamReset): void {
    if (!this.#isOver) this.#answer.onReset(reason);
    this.#end();
  }

  onWritable(): void {}

  #onTimeout(): void {
    this.#answer.onTimeout();
    this.#giveUp();
  }

  /** A mirror that is slow or gone never slows the request. */
  #giveUp(): void {
    if (this.#isOver) return;
    this.#end();
    if (this.#writer === null) this.#cluster.cancel(this);
    else this.#writer.reset(StreamReset.localReset);
  }

  #end(): void {
    this.#isOver = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}

function copyOf(head: RequestHead, mirror: Mirror): RequestHead {
  const copy = new RequestHead();
  copyRequest(head, copy);
  copy.authority = mirror.authorityFor(head.authority);
  markOwnRequest(copy);
  return copy;
}
