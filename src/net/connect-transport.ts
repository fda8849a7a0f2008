import net from "node:net";
import type { SocketAddress } from "./address.ts";
import { nodePath } from "./bind.ts";
import { eventClock } from "./event-clock.ts";
import { nativeStreams, takeHandle } from "./native-streams.ts";
import type { ProxiedAddresses } from "./proxy-protocol.ts";
import type { TcpKeepaliveSpec } from "./tcp-keepalive.ts";
import type { ClientTls, TlsTarget } from "./tls/client-tls.ts";
import type { TlsInfo } from "./tls/tls-info.ts";
import { plainIp, readInto, socketOf, Transport, type TransportSink } from "./transport.ts";

/** How a connection is made. */
export interface ConnectOptions {
  /** Bytes that may wait for the kernel before writeBytes answers false. */
  watermark: number;
  /** null: off. */
  keepalive: TcpKeepaliveSpec | null;
  /** The source address; "" lets the system choose. */
  localAddress: string;
  /** null for plain text. */
  tls: ClientTls | null;
  tlsTarget: TlsTarget;
  /** What goes before everything else, once it is known which `own` ends the connection has: a PROXY header. null for none. */
  proxyHeader: ((own: ProxiedAddresses) => Buffer) | null;
}

/** Connects; the sink hears onConnect (with TLS: when the peer is accepted) or onClose. The owner keeps the time limit. */
export function connectTransport(address: SocketAddress, options: ConnectOptions, sink: TransportSink): Transport {
  const target =
    address.path !== null
      ? { path: nodePath(address.path), allowHalfOpen: true }
      : {
          host: address.host,
          port: address.port,
          noDelay: true,
          allowHalfOpen: true,
          ...(options.localAddress === "" ? {} : { localAddress: options.localAddress }),
        };
  const { tls, tlsTarget, proxyHeader, watermark } = options;
  const keepalive = address.path === null ? options.keepalive : null;
  const onread = readInto({ receive: (length, bytes) => transport.receive(length, bytes) });
  let transport: Transport;
  if (tls !== null) {
    const onSecure = (info: TlsInfo): void => {
      transport.tls = info;
      eventClock.tick();
      sink.onConnect();
    };
    if (proxyHeader === null) {
      const secure = keptAlive(tls.connect({ ...target, onread }, tlsTarget, onSecure), keepalive);
      transport = new Transport(secure, sink, watermark);
      return transport;
    }
    const plain = keptAlive(net.connect(target), keepalive);
    transport = new Transport(plain, sink, watermark);
    plain.on("connect", () => {
      const header = proxyHeader(endsOf(plain));
      transport.bytesWritten += header.length;
      plain.write(header);
      transport.secureBy(tls.connect({ socket: plain }, tlsTarget, onSecure));
    });
    return transport;
  }
  const socket = keptAlive(net.connect({ ...target, onread }), keepalive);
  transport = new Transport(socket, sink, watermark);
  socket.on("connect", () => {
    eventClock.tick();
    const header = proxyHeader?.(endsOf(socket)) ?? null;
    // Its streams are a fiftieth of `npm run bench -- --cases http2`.
    if (nativeStreams !== null) transport.moveTo(socketOf(takeHandle(socket)));
    if (header !== null) {
      transport.writeText(header.latin1Slice());
      // Chunks do not wait for text.
      transport.flush();
    }
    sink.onConnect();
  });
  return transport;
}

/** The socket, which is probed once it is connected. */
function keptAlive<S extends net.Socket>(socket: S, spec: TcpKeepaliveSpec | null): S {
  if (spec === null) return socket;
  const probed: ProbedSocket = socket;
  socket.once("connect", () => probed.setKeepAlive(true, spec.timeS * 1000, spec.intervalS * 1000, spec.probes));
  return socket;
}

/** What Node's types do not tell; milliseconds. */
interface ProbedSocket {
  setKeepAlive(isOn: boolean, initialDelay: number, interval: number, count: number): unknown;
}

/** Of a connection that we made: we are the source. */
function endsOf(socket: net.Socket): ProxiedAddresses {
  return {
    remoteAddress: plainIp(socket.localAddress ?? ""),
    remotePort: socket.localPort ?? 0,
    localAddress: plainIp(socket.remoteAddress ?? ""),
    localPort: socket.remotePort ?? 0,
    tlvs: [],
  };
}
