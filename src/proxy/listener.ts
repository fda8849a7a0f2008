import type { TLSSocket } from "node:tls";
import { addressText } from "../net/address.ts";
import type { NativeSocket } from "../net/native-socket.ts";
import type { SocketHandle } from "../net/native-streams.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import { Roster } from "../net/roster.ts";
import { InspectedSocket, type InspectionOwner } from "../net/tls/accept.ts";
import type { TlsContextSpec } from "../net/tls/contexts.ts";
import { type Asked, TlsInfo, versionAtFirst } from "../net/tls/tls-info.ts";
import { acceptTransport, socketOf, Transport, type TransportSink } from "../net/transport.ts";
import type { AccessLogSinks } from "../observability/access-log-sink.ts";
import { ResponseFlag } from "../observability/response-flags.ts";
import { SslStats } from "../observability/ssl-stats.ts";
import type { StatsSlab } from "../observability/stats.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { Slices } from "../router/slices.ts";
import { BytesGate, type GatedConnection } from "./bytes-gate.ts";
import { HttpConnection } from "./connection.ts";
import { addressesOfSocket, isTakenBy } from "./connection-addresses.ts";
import type { ConnectionOwner, DownstreamConnection } from "./connection-owner.ts";
import { type DrainPlan, drainByPlan } from "./drain-plan.ts";
import { type HandshakeOwner, Handshakes } from "./handshakes.ts";
import { Http2ServerConnection } from "./http2-connection.ts";
import {
  allChains,
  chooseChain,
  keepEqualChains,
  type LinkedChain,
  type LinkedChains,
  onlyChain,
  updateFilterConfig,
  updateRoutes,
  updateScopes,
  updateTls,
} from "./linked-chain.ts";
import { ListenerStats } from "./listener-stats.ts";
import type { Acceptor, ListenFault, ListeningSockets } from "./listening-sockets.ts";
import { RefusedConnection } from "./refused-connection.ts";
import type { ListenAddress, ListenerSpec } from "./spec.ts";
import { describeAddresses } from "./stream-connection.ts";

/** A listener in one worker: its sockets, and the connections that came by it. */
export class Listener implements Acceptor, ConnectionOwner, InspectionOwner, HandshakeOwner {
  spec: ListenerSpec;
  isDraining = false;
  sendsAway = false;
  readonly #stats: ListenerStats;
  readonly #connections = new Roster<DownstreamConnection>();
  #chains: LinkedChains;
  readonly #inspected = new Roster<InspectedSocket>();
  /** Of connections whose network filters are asked at all of their bytes. */
  readonly #gates = new WeakMap<object, BytesGate>();
  readonly #handshakes: Handshakes;
  readonly #sockets: ListeningSockets;
  #isClosed = false;

  constructor(spec: ListenerSpec, chains: LinkedChains, slab: StatsSlab, sockets: ListeningSockets) {
    this.spec = spec;
    this.#sockets = sockets;
    this.#chains = chains;
    this.#stats = new ListenerStats(slab, spec.statName);
    const ssl = new SslStats(slab, `listener.${spec.statName}.`, "server");
    this.#handshakes = new Handshakes(ssl, this.#inspected, this);
  }

  get activeConnections(): number {
    return this.#connections.size + this.#inspected.size;
  }

  /** Opens what is not open of its addresses, and closes what is none any more. Settles when all are open, or with the fault of one. */
  open(): Promise<ListenFault | null> {
    if (this.#isClosed) return Promise.resolve(null);
    const wanted = this.#boundAddresses;
    const opened = this.#sockets.give(wanted, this.spec.backlog, this);
    this.#sockets.close(this, wanted);
    return opened;
  }

  get #boundAddresses(): readonly ListenAddress[] {
    return this.spec.bindsToPort ? this.spec.addresses : [];
  }

  /** New connections come under `chains`; those of chains and addresses that are no more finish under them, and drain. open() is to follow. */
  replace(spec: ListenerSpec, chains: LinkedChains, plan: DrainPlan): void {
    const kept = new Set(spec.addresses.map(({ address }) => addressText(address)));
    const hasDropped = this.spec.addresses.some(({ address }) => !kept.has(addressText(address)));
    this.spec = spec;
    this.#chains = keepEqualChains(chains, this.#chains);
    const live = new Set(allChains(this.#chains).map(({ hcm }) => hcm));
    const isKept = ({ hcm, addresses }: DownstreamConnection) =>
      live.has(hcm) && (!hasDropped || isTakenBy(this.#boundAddresses, addresses.directLocalText));
    drainByPlan(
      this.#connections.all().filter((connection) => !isKept(connection)),
      plan,
    );
  }

  /** It is removed: accepts what waits in its queue, then no more; its connections drain. */
  remove(plan: DrainPlan): void {
    this.close();
    this.isDraining = true;
    drainByPlan(this.#connections.all(), plan);
  }

  /** The secrets of some TLS context changed. */
  onTlsUpdate(update: TlsContextSpec<unknown>, logs: AccessLogSinks): void {
    updateTls(this.#chains, update, logs);
  }

  /** Routes came by RDS; `usesRoutes`: the scopes of a set do. */
  onRoutes(name: string, usesRoutes: (setId: string) => boolean): Slices<void> {
    return updateRoutes(this.#chains, name, usesRoutes);
  }

  /** Scopes came by SRDS. */
  onScopes(setId: string): Slices<void> {
    return updateScopes(this.#chains, setId);
  }

  /** A filter's config came by ECDS. */
  onFilterConfig(name: string): void {
    updateFilterConfig(this.#chains, name);
  }

  /** No more keep-alive: connections close when they are idle, busy ones after their response. Accepting goes on until close(). */
  drain(): void {
    this.isDraining = true;
    this.sendsAway = true;
    for (const connection of this.#connections.all()) connection.drain();
  }

  /** POST /healthcheck/fail: connections are told to go with their next response, and others are taken. */
  setHealthFailed(failed: boolean): void {
    this.sendsAway = this.isDraining || (failed && this.spec.drainType === "DEFAULT");
  }

  /** Closes its sockets, but those that another listener has by now. */
  close(): void {
    this.#isClosed = true;
    this.#sockets.close(this);
  }

  destroyConnections(): void {
    for (const inspected of this.#inspected.all()) inspected.destroy();
    for (const connection of this.#connections.all()) connection.destroy();
  }

  onConnectionEnd(connection: DownstreamConnection): void {
    this.#connections.delete(connection);
    this.#stats.onEnd();
    this.#chains.log.write((info) => {
      info.filterChainName = connection.hcm.filterChainName;
      connection.describe(info);
    });
  }

  // From connections whose first bytes are looked at.

  onInspected(inspected: InspectedSocket): void {
    this.#inspected.delete(inspected);
    this.#stats.onInspectionEnd();
    const proxied = inspected.inspection.proxied?.addresses ?? null;
    const chain = chooseChain(this.#chains, inspected);
    if (chain === null) {
      this.#stats.count("no_filter_chain_match");
      this.#logUnserved(inspected, (info) => {
        info.responseFlags = ResponseFlag.NR;
        info.details = "filter_chain_not_found";
      });
      inspected.destroy();
      return;
    }
    const { hcm } = chain;
    this.#stats.onBegin();
    if (
      !chain.networkFilters.isEmpty &&
      !this.#admit(chain, inspected.socket, proxied, (listener) => inspected.whenClosed(listener))
    )
      return;
    if (chain.tlsId === null) {
      this.#serve(chain, null, false, proxied, (sink) => inspected.plain(sink, hcm.bufferLimitBytes));
      inspected.deliver();
    } else this.#handshakes.begin(chain, inspected, proxied);
  }

  /** A connection that never got through its handshake was one all the same. `reason`: Envoy's transport failure reason. */
  onInsecure({ hcm }: LinkedChain, inspected: InspectedSocket, socket: TLSSocket | null, reason: string): void {
    hcm.stats.onHandshakeFailed();
    this.#stats.onEnd();
    this.#logUnserved(inspected, (info) => {
      info.filterChainName = hcm.filterChainName;
      info.downstreamTransportFailureReason = reason;
      if (socket === null) return;
      info.downstreamTls = new TlsInfo(socket, inspected.inspection.hello ?? nothingAsked, undefined, false);
      // OpenSSL says what the client offered.
      if (inspected.error === "ERR_SSL_UNSUPPORTED_PROTOCOL") info.downstreamTls.version = versionAtFirst;
      info.downstreamTls.connectionBegin = inspected.start;
      info.downstreamTls.handshakeBegin = inspected.handshakeBegin;
    });
  }

  /** One that no connection manager had. */
  #logUnserved(inspected: InspectedSocket, describe: (info: StreamInfo) => void): void {
    this.#chains.log.write((info) => {
      const { proxied, hello } = inspected.inspection;
      info.start = inspected.start;
      info.unservedServerName = hello?.serverName ?? "";
      describeAddresses(info, addressesOfSocket(inspected, proxied?.addresses ?? null));
      describe(info);
    });
  }

  onInspectionFailed(inspected: InspectedSocket, isTimeout: boolean): void {
    this.#inspected.delete(inspected);
    this.#stats.onInspectionEnd();
    if (isTimeout) this.#stats.count("downstream_pre_cx_timeout");
    this.#logUnserved(inspected, () => {});
  }

  onSecure(chain: LinkedChain, inspected: InspectedSocket, tls: TlsInfo): void {
    const proxied = inspected.inspection.proxied?.addresses ?? null;
    this.#serve(
      chain,
      tls,
      tls.alpn === "h2",
      proxied,
      (sink) => new Transport(inspected.socket, sink, chain.hcm.bufferLimitBytes),
    );
  }

  accept(handle: SocketHandle): void {
    if (this.#chains.needsChoice) {
      this.#stats.onInspectionBegin();
      const inspected = this.#inspect(handle);
      this.#inspected.add(inspected);
      if (this.#chains.inspectors.length === 0) inspected.finish();
      return;
    }
    const chain = onlyChain(this.#chains);
    this.#stats.onBegin();
    const { bufferLimitBytes } = chain.hcm;
    if (chain.networkFilters.isEmpty) {
      this.#serve(chain, null, false, null, (sink) => acceptTransport(handle, sink, bufferLimitBytes));
      return;
    }
    const socket = socketOf(handle);
    if (!this.#admit(chain, socket, null, (listener) => socket.once("close", listener))) return;
    this.#serve(chain, null, false, null, (sink) => new Transport(socket, sink, bufferLimitBytes));
  }

  /** False: a network filter refused it, and it is taken care of. */
  #admit(
    { networkFilters, hcm, tlsId }: LinkedChain,
    socket: NativeSocket,
    proxied: ProxiedAddresses | null,
    whenClosed: (listener: () => void) => void,
  ): boolean {
    const refusal = networkFilters.admit(whenClosed);
    if (refusal === null) return true;
    this.#connections.add(new RefusedConnection(this, hcm, socket, proxied, tlsId !== null, refusal));
    return false;
  }

  #inspect(handle: SocketHandle): InspectedSocket {
    const { listenerFiltersTimeoutMs, continuesOnListenerFiltersTimeout } = this.spec;
    const inspected = new InspectedSocket(
      handle,
      this,
      this.#chains.inspectors,
      listenerFiltersTimeoutMs,
      continuesOnListenerFiltersTimeout,
    );
    // Asked for now, its addresses are known behind its end too.
    if (!this.#chains.log.isEmpty) addressesOfSocket(inspected, null);
    return inspected;
  }

  onHttp2(connection: DownstreamConnection, transport: Transport, bytes: Buffer, length: number): void {
    const { hcm, proxied } = connection as HttpConnection;
    this.#connections.delete(connection);
    const http2 = new Http2ServerConnection(this, hcm, nextConnectionId++, null, proxied, (sink) => {
      const gate = this.#gates.get(connection);
      if (gate === undefined) transport.handTo(sink);
      else gate.handTo(sink as GatedConnection);
      return transport;
    });
    this.#connections.add(http2);
    http2.onBytes(bytes, length);
  }

  #serve(
    chain: LinkedChain,
    tls: TlsInfo | null,
    isAlpnHttp2: boolean,
    proxied: ProxiedAddresses | null,
    open: (sink: TransportSink) => Transport,
  ): void {
    const { hcm, exchanges, networkFilters } = chain;
    const isHttp2 = hcm.spec.codec === "HTTP2" || (hcm.spec.codec === "AUTO" && isAlpnHttp2);
    const id = nextConnectionId++;
    // The sink is the connection itself.
    const begin = networkFilters.looksAtBytes
      ? (sink: TransportSink) => {
          const gate = new BytesGate(sink as GatedConnection, networkFilters);
          if (networkFilters.looksAtAllBytes) this.#gates.set(sink, gate);
          return open(gate);
        }
      : open;
    this.#connections.add(
      isHttp2
        ? new Http2ServerConnection(this, hcm, id, tls, proxied, begin)
        : new HttpConnection(this, hcm, exchanges, id, tls, proxied, begin),
    );
  }
}

let nextConnectionId = 0;
const nothingAsked: Asked = { serverName: "", ja3: "", ja4: "" };
