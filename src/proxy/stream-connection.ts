import type { TlsInfo } from "../net/tls/tls-info.ts";
import { ClientCert } from "./client-cert.ts";
import type { ConnectionAddresses } from "./connection-addresses.ts";

/** What is the same for all streams of a connection. */
export interface ConnectionFacts {
  readonly id: number;
  /** null for plain text. */
  readonly tls: TlsInfo | null;
  readonly clientCert: ClientCert;
  readonly addresses: ConnectionAddresses;
}

/** What a stream needs of its connection. */
export interface StreamConnection extends ConnectionFacts {
  readonly protocol: string;
  readonly isHttp2: boolean;
  /** The response must say `connection: close`. */
  readonly mustClose: boolean;
  /** Counted with the stream: max_requests_per_connection. */
  onStreamBegin(): void;
  onStreamEnd(): void;
  /** HTTP/1: the connection closes after the response (an unread request body, a 4xx of the codec). */
  closeAfterResponse(): void;
}

/** That of a stream between two requests. */
export const noConnection: StreamConnection = {
  id: 0,
  tls: null,
  clientCert: new ClientCert({ mode: "SANITIZE", subject: false, cert: false, dns: false, uri: false }, null),
  addresses: {
    remoteAddress: "",
    remotePort: 0,
    remoteText: "",
    localPort: 0,
    localText: "",
    directRemoteText: "",
    directLocalText: "",
  },
  protocol: "",
  isHttp2: false,
  mustClose: false,
  onStreamBegin() {},
  onStreamEnd() {},
  closeAfterResponse() {},
};
