import { stripTrailingDot } from "../http/authority.ts";
import type { RequestHead } from "../http/header-block.ts";
import { hostPort, type SocketAddress } from "../net/address.ts";
import { noListener } from "../observability/facts.ts";
import { localReplies } from "../observability/local-replies.ts";
import { StreamInfo } from "../observability/stream-info.ts";
import { ClientCert } from "../proxy/client-cert.ts";
import { RequestHeaderPolicy } from "../proxy/header-policy.ts";
import { treatPath } from "../proxy/path-policy.ts";
import { strippedPort } from "../proxy/request-admission.ts";
import type { HcmSpec } from "../proxy/spec.ts";
import { upgradeType } from "../proxy/upgrade.ts";
import type { Answer, Explanation } from "./explanation.ts";

/** A request as the connection manager passes it on, or answers it. */
export interface Admission {
  info: StreamInfo;
  normalized: Explanation["normalized"];
  answer: Answer | null;
  /** Lower-case; "" for none. */
  upgrade: string;
}

/** What connections come to. */
interface AskedListener {
  name: string;
  address: SocketAddress;
}

/** Does to a head what the connection manager does before the routes are asked: see admitRequest. */
export function admit(
  head: RequestHead,
  listener: AskedListener,
  spec: HcmSpec,
  isTls: boolean,
  source: string,
  internalOnlyHeaders: () => readonly string[],
): Admission {
  const info = streamInfo(head, listener, source);
  const admission: Admission = { info, normalized: [], answer: null, upgrade: "" };
  const { path, authority } = head;
  if (head.method !== "CONNECT") {
    const treated = treatPath(path, spec);
    head.path = treated.path;
    if (treated.action === "reject") {
      admission.answer = answerOf(localReplies.pathNormalizationFailed.status, "the path cannot be normalized");
      return admission;
    }
    if (treated.action === "redirect") {
      const { status } = localReplies.pathNormalizationRedirect;
      admission.answer = { ...answerOf(status, "path_with_escaped_slashes_action"), location: treated.path };
      return admission;
    }
  }
  if (spec.stripTrailingHostDot) head.authority = stripTrailingDot(head.authority);
  head.authority = strippedPort(head.authority, spec.stripPort, listener.address.port);
  if (head.path !== path) admission.normalized.push({ what: "path", before: path, after: head.path });
  if (head.authority !== authority) {
    admission.normalized.push({ what: "host", before: authority, after: head.authority });
  }
  admission.upgrade = head.find("upgrade") === null ? "" : upgradeType(head);
  const addresses = {
    remoteAddress: source,
    remotePort: sourcePort,
    remoteText: hostPort(source, sourcePort),
    localPort: listener.address.port,
    localText: info.downstreamLocalAddress,
    directRemoteText: hostPort(source, sourcePort),
    directLocalText: info.downstreamLocalAddress,
    source: {
      remoteAddress: source,
      remotePort: sourcePort,
      localAddress: listener.address.host,
      localPort: listener.address.port,
      tlvs: [],
    },
  };
  const facts = { addresses, tls: isTls ? info : null, clientCert: new ClientCert(spec.clientCert, null) };
  const policy = new RequestHeaderPolicy(spec, {});
  const refusedWith = policy.apply(head, info, facts, admission.upgrade !== "", internalOnlyHeaders());
  if (refusedWith !== 0) admission.answer = answerOf(refusedWith, "original_ip_detection_extensions found no address");
  return admission;
}

function answerOf(status: number, why: string): Answer {
  return { status, location: "", body: "", why };
}

function streamInfo(head: RequestHead, { name, address }: AskedListener, source: string): StreamInfo {
  const info = new StreamInfo();
  info.request = head;
  info.protocol = "HTTP/1.1";
  info.startTimeMs = Date.now();
  info.listener = { ...noListener, name };
  info.downstreamLocalAddress = info.downstreamDirectLocalAddress = hostPort(address.host, address.port);
  info.downstreamDirectRemoteAddress = info.downstreamConnectionAddress = hostPort(source, sourcePort);
  return info;
}

/** Nobody knows the port of a client that does not exist. */
const sourcePort = 0;
