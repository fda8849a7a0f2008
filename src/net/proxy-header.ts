import type { ProxiedAddresses, ProxyTlv } from "./proxy-protocol.ts";
import { signature2 } from "./proxy-protocol.ts";

/** What an upstream connection says of whom it is for. Envoy: core.v3.ProxyProtocolConfig. */
export interface ProxyHeaderSpec {
  version: 1 | 2;
  /** Which of the downstream's TLVs go on: "all", or these types. */
  passed: "all" | number[];
  added: ProxyTlv[];
}

/** A header as it is sent. */
export interface WrittenProxyHeader {
  bytes: Buffer;
  /** A TLV was left out: the header would be longer than its length field can say. */
  isCut: boolean;
}

/**
 * The PROXY protocol header of one connection (haproxy's proxy-protocol.txt, sections 2.1 and 2.2). `source`: the downstream
 * connection; null where there is none, as with gRPC of the proxy itself: version 2 says LOCAL, version 1 the connection's `own` ends.
 * `hostTlvs` are the endpoint's, in the place of those of the same type.
 */
export function writeProxyHeader(
  spec: ProxyHeaderSpec,
  source: ProxiedAddresses | null,
  hostTlvs: readonly ProxyTlv[],
  own: ProxiedAddresses,
): WrittenProxyHeader {
  if (spec.version === 1) return { bytes: Buffer.from(version1(source ?? own), "latin1"), isCut: false };
  // Of a Unix socket there is no address to tell.
  if (source === null || source.remoteAddress === "") return { bytes: localHeader, isCut: false };
  const addresses = Buffer.concat([ipBytes(source.remoteAddress), ipBytes(source.localAddress)]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.remotePort, 0);
  ports.writeUInt16BE(source.localPort, 2);
  const parts = [addresses, ports];
  let length = addresses.length + ports.length;
  let isCut = false;
  for (const { type, value } of chosenTlvs(spec, source.tlvs, hostTlvs)) {
    if (length + 3 + value.length > longestBody) {
      isCut = true;
      continue;
    }
    parts.push(Buffer.from([type, value.length >> 8, value.length & 255]), Buffer.from(value));
    length += 3 + value.length;
  }
  const family = addresses.length === 8 ? tcpOverIpv4 : tcpOverIpv6;
  const head = Buffer.from([0x21, family, length >> 8, length & 255]);
  return { bytes: Buffer.concat([signature2, head, ...parts]), isCut };
}

/** Envoy's order: the endpoint's, the config's, the downstream's; a type of the one takes the place of the next one's. */
function* chosenTlvs(
  { passed, added }: ProxyHeaderSpec,
  downstream: readonly ProxyTlv[],
  host: readonly ProxyTlv[],
): Generator<ProxyTlv> {
  const hostTypes = new Set(host.map(({ type }) => type));
  const own = [...host, ...added.filter(({ type }) => !hostTypes.has(type))];
  const ownTypes = new Set(own.map(({ type }) => type));
  yield* own;
  for (const tlv of downstream)
    if (!ownTypes.has(tlv.type) && (passed === "all" || passed.includes(tlv.type))) yield tlv;
}

function version1({ remoteAddress, localAddress, remotePort, localPort }: ProxiedAddresses): string {
  if (remoteAddress === "" || localAddress === "") return "PROXY UNKNOWN\r\n";
  const family = remoteAddress.includes(":") ? "TCP6" : "TCP4";
  return `PROXY ${family} ${remoteAddress} ${localAddress} ${remotePort} ${localPort}\r\n`;
}

/** In network order. An IPv4 part at the end of an IPv6 address is not written so by the system. */
function ipBytes(ip: string): Buffer {
  if (!ip.includes(":")) return Buffer.from(ip.split(".").map(Number));
  const [head = "", tail] = ip.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const bytes = Buffer.alloc(16);
  for (const [i, group] of before.entries()) bytes.writeUInt16BE(group, 2 * i);
  for (const [i, group] of after.entries()) bytes.writeUInt16BE(group, 2 * (8 - after.length + i));
  return bytes;
}

const tcpOverIpv4 = 0x11;
const tcpOverIpv6 = 0x21;
const longestBody = 65_535;
const localHeader = Buffer.concat([signature2, Buffer.from([0x20, 0, 0, 0])]);
