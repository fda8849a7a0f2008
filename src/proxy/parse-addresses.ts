import { isIP } from "node:net";
import { addressText, type SocketAddress } from "../net/address.ts";
import { checkCoverage } from "../proto/coverage.ts";
import {
  type Address,
  SocketAddress_Protocol,
  type SocketAddress as SocketAddressMessage,
  SocketAddressSchema,
} from "../proto/generated/envoy/config/core/v3/address_pb.ts";
import {
  type AdditionalAddress,
  AdditionalAddressSchema,
  type Listener,
} from "../proto/generated/envoy/config/listener/v3/listener_pb.ts";
import { Problems } from "../proto/problems.ts";
import { parseListenerKeepalive } from "./parse-socket-options.ts";
import type { ListenAddress } from "./spec.ts";

/** `address`, then `additional_addresses`; what has a fault is left out. */
export function parseAddresses(message: Listener, problems: Problems): ListenAddress[] {
  const { tcpKeepalive, socketOptions, additionalAddresses } = message;
  const keepalive = parseListenerKeepalive({ tcpKeepalive, socketOptions }, problems);
  const first = parseAddress(message.address, message.name, problems.at("address"));
  const more = additionalAddresses.map((additional, i) =>
    parseAdditional(additional, message, problems.at(`additional_addresses[${i}]`)),
  );
  return [first && { ...first, tcpKeepalive: keepalive }, ...more].filter((address) => address !== null);
}

/** What it does not say of its sockets is the listener's. */
function parseAdditional(additional: AdditionalAddress, listener: Listener, problems: Problems): ListenAddress | null {
  checkCoverage(AdditionalAddressSchema, additional, problems, {
    honoured: ["address", "tcp_keepalive", "socket_options"],
    harmless: [],
  });
  const own = additional.socketOptions?.socketOptions;
  const tcpKeepalive = parseListenerKeepalive(
    {
      tcpKeepalive: additional.tcpKeepalive ?? listener.tcpKeepalive,
      socketOptions: own ?? listener.socketOptions,
    },
    // The listener's were told of already.
    own === undefined ? new Problems() : problems.at("socket_options"),
  );
  const address = parseAddress(additional.address, listener.name, problems.at("address"));
  return address && { ...address, tcpKeepalive };
}

/** A bindable address: a numeric IP with a port, or a pipe. */
function parseAddress(
  message: Address | undefined,
  listener: string,
  problems: Problems,
): Omit<ListenAddress, "tcpKeepalive"> | null {
  const address = message?.address;
  if (address?.case === "pipe") {
    const { path, mode } = address.value;
    return { address: { host: "", port: 0, path }, ipv6Only: true, mode };
  }
  if (address?.case === "socketAddress") return parseSocketAddress(address.value, listener, problems);
  const isMissing = address?.case === undefined;
  const envoyText = isMissing ? `error adding listener named '${listener}': address is necessary` : undefined;
  problems.error("", isMissing ? "is missing" : `${address.case} is not implemented in Nuncio yet`, { envoyText });
  return null;
}

function parseSocketAddress(
  message: SocketAddressMessage,
  listener: string,
  problems: Problems,
): Omit<ListenAddress, "tcpKeepalive"> | null {
  const scope = problems.at("socket_address");
  checkCoverage(SocketAddressSchema, message, scope, {
    honoured: ["protocol", "address", "port_value", "named_port", "ipv4_compat"],
    harmless: ["resolver_name"],
  });
  const { portSpecifier, address: host, ipv4Compat, protocol } = message;
  if (protocol === SocketAddress_Protocol.UDP) {
    scope.error("protocol", "UDP is not implemented in Nuncio: a listener takes TCP connections", {
      envoyText: `listener ${listener}: has different socket type. The listener only support same socket type for all the addresses.`,
    });
  }
  if (isIP(host) === 0) {
    scope.error("address", `"${host}" is not an IP address: a listener binds to one of its own`, {
      envoyText: `malformed IP address: ${host}`,
    });
    return null;
  }
  if (portSpecifier.case === "namedPort") scope.error("named_port", "is not implemented; use port_value");
  const address: SocketAddress = {
    host,
    port: portSpecifier.case === "portValue" ? portSpecifier.value : 0,
    path: null,
  };
  if (ipv4Compat && !takesBoth(host)) {
    const text = addressText(address);
    scope.error("ipv4_compat", `${host} is of one family: "::" takes IPv4 too`, {
      envoyText: `Only IPv6 address '::' or valid IPv4-mapped IPv6 address can set ipv4_compat: ${text}`,
    });
  }
  return { address, ipv6Only: !ipv4Compat, mode: 0 };
}

/** "::", or an IPv4 address in IPv6. */
function takesBoth(host: string): boolean {
  return /^[0:]*(:ffff:[\d.]+)?$/i.test(host) && host.includes(":");
}
