import { OrderedMutations } from "../filters/header_mutation/mutations.ts";
import { noteGoodValue } from "../http/bad-value.ts";
import type { RequestHead } from "../http/header-block.ts";
import { Known } from "../http/names.ts";
import { hostPort } from "../net/address.ts";
import { CidrSet, isLoopback } from "../net/cidr.ts";
import { localIp } from "../net/local-ip.ts";
import type { NodeFacts } from "../observability/facts.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { ClientCert } from "./client-cert.ts";
import type { ConnectionAddresses } from "./connection-addresses.ts";
import { appendXff, lastAddress } from "./forwarded-for.ts";
import { OriginalIpDetection } from "./original-ip.ts";
import { clearTraceReason, newRequestId } from "./request-id.ts";
import type { HcmSpec } from "./spec.ts";

/**
 * What the connection manager does to a request head before the filters see it: hop-by-hop fields, the client's address,
 * x-forwarded-*, x-envoy-*, the request id, via. Envoy: ConnectionManagerUtility::mutateRequestHeaders.
 */
export class RequestHeaderPolicy {
  readonly #spec: HcmSpec;
  readonly #internal: CidrSet | null;
  readonly #localIp: string;
  readonly #early: OrderedMutations | null;
  readonly #originalIp: OriginalIpDetection | null;
  readonly #node: NodeFacts;

  constructor(spec: HcmSpec, node: NodeFacts) {
    this.#node = node;
    this.#spec = spec;
    this.#internal = spec.internalCidrs.length > 0 ? new CidrSet(spec.internalCidrs) : null;
    this.#localIp = localIp();
    this.#early = spec.earlyMutations.length > 0 ? new OrderedMutations(spec.earlyMutations) : null;
    this.#originalIp = spec.originalIp.length > 0 ? new OriginalIpDetection(spec.originalIp) : null;
  }

  /**
   * Sets info.downstreamRemoteAddress. `internalOnly`: of the routes, in lower case; what comes from outside does not have them. The status
   * that the request is refused with, as nothing says who the client is; else 0.
   */
  apply(
    head: RequestHead,
    info: StreamInfo,
    facts: PeerFacts,
    isUpgrade: boolean,
    internalOnly: readonly string[],
  ): number {
    const spec = this.#spec;
    stripHopByHop(head, isUpgrade);
    if (this.#early !== null) this.#early.apply(head, info);
    dropBadReferer(head);
    const xff = head.get(xForwardedFor);
    const peer = facts.addresses;
    const proto = facts.tls !== null ? "https" : "http";
    let remote = peer.remoteAddress;
    let remotePort = peer.remotePort;
    let singleXff = xff === null;
    if (spec.useRemoteAddress) {
      if (spec.xffNumTrustedHops > 0 && xff !== null) {
        const fromXff = lastAddress(xff, spec.xffNumTrustedHops - 1);
        if (fromXff !== "") {
          remote = fromXff;
          remotePort = 0;
        }
      }
      if (!spec.skipXffAppend && peer.remoteAddress !== "") appendXff(head, this.#hopOf(peer.remoteAddress));
      if (spec.xffNumTrustedHops === 0 || !head.has(xForwardedProto))
        head.set("x-forwarded-proto", proto, xForwardedProto);
      if (spec.appendXForwardedPort && (spec.xffNumTrustedHops === 0 || !head.has(xForwardedPort))) {
        head.set("x-forwarded-port", String(peer.localPort), xForwardedPort);
      }
    } else {
      if (this.#originalIp !== null) {
        const found = this.#originalIp.detect(head, peer.remoteAddress, this.#hopOf(peer.remoteAddress));
        if (found.rejectStatus !== 0) return found.rejectStatus;
        if (found.address !== "") {
          remote = found.address;
          remotePort = 0;
        }
        singleXff = found.isTrusted;
      } else if (xff !== null) {
        const fromXff = lastAddress(xff, spec.xffNumTrustedHops);
        singleXff = !xff.includes(",");
        if (fromXff !== "") {
          remote = fromXff;
          remotePort = 0;
        }
      }
      if (!head.has(xForwardedProto)) head.append("x-forwarded-proto", proto, xForwardedProto);
      if (spec.appendXForwardedPort && !head.has(xForwardedPort)) {
        head.append("x-forwarded-port", String(peer.localPort), xForwardedPort);
      }
    }
    this.#setScheme(head, proto);
    info.downstreamRemoteAddress =
      remote === peer.remoteAddress ? peer.remoteText : remotePort === 0 ? hostPort(remote, 0) : remote;

    const isInternal = this.#internal !== null && singleXff && this.#internal.has(remote);
    const isEdge = spec.useRemoteAddress && !isInternal;
    if (isInternal) {
      head.set("x-envoy-internal", "true", xEnvoyInternal);
    } else {
      if (isEdge) {
        head.remove("x-envoy-decorator-operation", Known["x-envoy-decorator-operation"]);
        head.remove("x-envoy-downstream-service-cluster", Known["x-envoy-downstream-service-cluster"]);
        head.remove("x-envoy-downstream-service-node", Known["x-envoy-downstream-service-node"]);
        head.remove("x-envoy-original-path", Known["x-envoy-original-path"]);
      }
      head.remove("x-envoy-internal", xEnvoyInternal);
      removeExternal(head);
      for (const name of internalOnly) head.remove(name);
    }
    if (spec.addUserAgent) this.#addUserAgent(head);
    if (isEdge && remote !== "") head.set("x-envoy-external-address", remote, Known["x-envoy-external-address"]);
    this.#setRequestId(head, isEdge);
    facts.clientCert.apply(head);
    if (spec.via !== "") appendVia(head, spec.via);
    return 0;
  }

  /** What x-forwarded-for is told of a peer. */
  #hopOf(address: string): string {
    return isLoopback(address) ? this.#localIp : address;
  }

  /** What add_user_agent adds. */
  #addUserAgent(head: RequestHead): void {
    const { id = "", cluster = "" } = this.#node;
    head.set("x-envoy-downstream-service-cluster", cluster, Known["x-envoy-downstream-service-cluster"]);
    if (!head.find("user-agent")) head.set("user-agent", cluster);
    if (id !== "") head.set("x-envoy-downstream-service-node", id, Known["x-envoy-downstream-service-node"]);
  }

  #setScheme(head: RequestHead, proto: string): void {
    if (this.#spec.schemeToOverwrite !== "") {
      head.scheme = this.#spec.schemeToOverwrite;
      head.set("x-forwarded-proto", this.#spec.schemeToOverwrite, xForwardedProto);
      return;
    }
    if (head.scheme !== "") return;
    const forwarded = (head.get(xForwardedProto) ?? "").toLowerCase();
    head.scheme = forwarded === "http" || forwarded === "https" ? forwarded : proto;
  }

  #setRequestId(head: RequestHead, isEdge: boolean): void {
    const spec = this.#spec;
    const present = head.get(xRequestId);
    if (isEdge && !spec.preserveExternalRequestId && present !== null) head.remove("x-request-id", xRequestId);
    if (!spec.generateRequestId) return;
    const kept = head.get(xRequestId);
    if (kept === null || kept === "") {
      const id = newRequestId();
      noteGoodValue(xRequestId, id);
      head.set("x-request-id", id, xRequestId);
    } else if (spec.packTraceReason && !spec.preserveExternalRequestId)
      head.set("x-request-id", clearTraceReason(kept), xRequestId);
  }
}

/** The downstream connection as the policy sees it. */
export interface PeerFacts {
  readonly addresses: ConnectionAddresses;
  /** null for plain text. */
  readonly tls: unknown;
  readonly clientCert: ClientCert;
}

/** RFC 9110 section 10.1.3: an absolute or partial URI without userinfo and fragment; any other goes. */
function dropBadReferer(head: RequestHead): void {
  const referer = head.get(Known.referer);
  if (referer !== null && !goodReferer.test(referer)) head.remove("referer", Known.referer);
}

const goodReferer =
  /^(?:[A-Za-z][A-Za-z0-9+.-]*:\/\/(?:\[[^\]\s]*\]|[^/?#@:\s]+)(?::\d+)?(?:[/?][^#\s]*)?|(?![^/?#]*:)[^#\s]*)$/;

/** RFC 9110 section 7.6.1: fields of one hop, and those that Connection names. An upgrade keeps Connection and Upgrade. */
function stripHopByHop(head: RequestHead, isUpgrade: boolean): void {
  const connection = head.get(Known.connection);
  if (connection !== null) {
    const lower = connection.toLowerCase();
    if (lower !== "close" && lower !== "keep-alive") removeNominated(head, lower, isUpgrade);
    if (!isUpgrade) head.remove("connection", Known.connection);
  }
  if (!isUpgrade) head.remove("upgrade", Known.upgrade);
  head.remove("keep-alive", Known["keep-alive"]);
  head.remove("proxy-connection", Known["proxy-connection"]);
  head.remove("transfer-encoding", Known["transfer-encoding"]);
  const te = head.get(Known.te);
  if (te !== null && te !== "trailers") {
    if (
      te
        .toLowerCase()
        .split(",")
        .some((part) => part.trim().split(";")[0] === "trailers")
    )
      head.set("te", "trailers", Known.te);
    else head.remove("te", Known.te);
  }
}

function removeNominated(head: RequestHead, connection: string, isUpgrade: boolean): void {
  for (const part of connection.split(",")) {
    const name = part.trim();
    if (name === "" || name === "close" || name === "keep-alive" || (isUpgrade && name === "upgrade")) continue;
    if (name === "te") continue;
    head.remove(name);
  }
}

function appendVia(head: RequestHead, via: string): void {
  const present = head.get(Known.via);
  head.set("via", present === null ? via : `${present}, ${via}`, Known.via);
}

function removeExternal(head: RequestHead): void {
  // The head rarely has one: a look at the names is cheaper than a dozen removals.
  for (let i = 0; i < head.size; i++) {
    if ((head.names[i] as string).startsWith("x-envoy-")) {
      for (const name of envoyInternalOnly) head.remove(name);
      return;
    }
  }
}

const xForwardedFor = Known["x-forwarded-for"];
const xForwardedProto = Known["x-forwarded-proto"];
const xForwardedPort = Known["x-forwarded-port"];
const xEnvoyInternal = Known["x-envoy-internal"];
const xRequestId = Known["x-request-id"];
/** Envoy: ConnectionManagerUtility::cleanInternalHeaders. */
const envoyInternalOnly = [
  "x-envoy-retriable-status-codes",
  "x-envoy-retriable-header-names",
  "x-envoy-retry-on",
  "x-envoy-retry-grpc-on",
  "x-envoy-max-retries",
  "x-envoy-upstream-alt-stat-name",
  "x-envoy-upstream-rq-timeout-ms",
  "x-envoy-upstream-rq-per-try-timeout-ms",
  "x-envoy-upstream-rq-timeout-alt-response",
  "x-envoy-expected-rq-timeout-ms",
  "x-envoy-force-trace",
  "x-envoy-ip-tags",
  "x-envoy-original-url",
  "x-envoy-hedge-on-per-try-timeout",
];
