import type { Http2ServerStream } from "../http/h2/server-codec.ts";
import type { ConnectionFacts, StreamConnection } from "./stream-connection.ts";

/** An HTTP/2 connection as one of its streams sees it. */
export class Http2StreamConnection implements StreamConnection {
  readonly protocol = "HTTP/2";
  readonly isHttp2 = true;
  /** A stream's end never closes an HTTP/2 connection. */
  readonly mustClose = false;
  readonly #connection: ConnectionFacts;
  readonly #writer: Http2ServerStream;

  constructor(connection: ConnectionFacts, writer: Http2ServerStream) {
    this.#connection = connection;
    this.#writer = writer;
  }

  get id(): number {
    return this.#connection.id;
  }
  get tls(): StreamConnection["tls"] {
    return this.#connection.tls;
  }
  get clientCert(): StreamConnection["clientCert"] {
    return this.#connection.clientCert;
  }
  get addresses(): StreamConnection["addresses"] {
    return this.#connection.addresses;
  }

  onStreamBegin(): void {}

  onStreamEnd(): void {
    this.#writer.rest();
  }

  closeAfterResponse(): void {}
}
