import { checkCoverage } from "../../proto/coverage.ts";
import {
  type TlsKeyLog,
  TlsKeyLogSchema,
} from "../../proto/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import type { ProxiedAddresses } from "../proxy-protocol.ts";

/** Where the secrets of connections are written, and of which ones: no ranges are any address. Envoy: TlsKeyLog. */
export interface KeyLogSpec {
  path: string;
  local: { address: string; prefixLength: number }[];
  remote: { address: string; prefixLength: number }[];
}

/** Who writes them. */
export interface KeyLogger {
  /** Called before the handshake. `proxied`: null where the socket's own addresses hold. */
  watch(socket: KeyLogged, proxied: ProxiedAddresses | null): void;
}

/** Who tells them. */
export interface KeyLogged {
  readonly localAddress?: string | undefined;
  readonly remoteAddress?: string | undefined;
  on(event: "keylog", listener: (line: Buffer) => void): unknown;
}

/** TlsKeyLog to its Spec; null for none. */
export function parseKeyLog(message: TlsKeyLog | undefined, problems: Problems): KeyLogSpec | null {
  if (message === undefined) return null;
  checkCoverage(TlsKeyLogSchema, message, problems, {
    honoured: ["path", "local_address_range", "remote_address_range"],
    harmless: [],
  });
  const ranges = (list: TlsKeyLog["localAddressRange"]): KeyLogSpec["local"] =>
    list.map(({ addressPrefix, prefixLen }) => ({ address: addressPrefix, prefixLength: prefixLen ?? 0 }));
  return { path: message.path, local: ranges(message.localAddressRange), remote: ranges(message.remoteAddressRange) };
}
