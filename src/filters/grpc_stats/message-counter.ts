/** Counts the gRPC messages of a body by their first bytes, however it is cut. Envoy: Grpc::FrameInspector. */
export class MessageCounter {
  /** Messages that began. */
  count = 0;
  /** Bytes of the prefix that came; 5 and more: inside of the message. */
  #prefix = 0;
  #left = 0;
  /** A Connect end-of-stream frame came: nothing is counted any more. */
  #isEnded = false;
  #end: Buffer[] = [];
  #isEndWhole = false;

  /** How many messages began in these bytes. */
  inspect(bytes: Buffer): number {
    const before = this.count;
    let at = 0;
    while (at < bytes.length) {
      if (this.#prefix === 0) {
        if (this.#isEnded) break;
        if (((bytes[at] as number) & connectEndFlag) !== 0) this.#isEnded = true;
        else this.count++;
      }
      if (this.#prefix < prefixLength) {
        if (this.#prefix > 0) this.#left = this.#left * 256 + (bytes[at] as number);
        this.#prefix++;
        at++;
      } else {
        const taken = Math.min(this.#left, bytes.length - at);
        if (this.#isEnded) this.#end.push(Buffer.from(bytes.subarray(at, at + taken)));
        this.#left -= taken;
        at += taken;
      }
      if (this.#prefix === prefixLength && this.#left === 0) {
        this.#prefix = 0;
        this.#isEndWhole = this.#isEnded;
      }
    }
    return this.count - before;
  }

  /** The end-of-stream frame of the Connect protocol came and has no error. Envoy: ResponseFrameCounter::connectSuccess. */
  isConnectSuccess(): boolean {
    if (!this.#isEndWhole) return false;
    let end: unknown;
    try {
      end = JSON.parse(Buffer.concat(this.#end).toString());
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return false;
    }
    if (typeof end !== "object" || end === null) return false;
    const error = "error" in end ? end.error : null;
    return typeof error !== "object" || error === null || !("code" in error);
  }
}

const prefixLength = 5;
/** Flag of the last frame of a Connect stream. */
const connectEndFlag = 2;
