import { CidrSet } from "../net/cidr.ts";
import type { ProxiedAddresses } from "../net/proxy-protocol.ts";
import type { KeyLogged, KeyLogger, KeyLogSpec } from "../net/tls/key-log.ts";
import { plainIp } from "../net/transport.ts";
import type { AccessLogSinks, FileSink } from "./access-log-sink.ts";

/** key_log of a TLS context, linked; null without one. */
export function linkKeyLog(spec: KeyLogSpec | null, logs: AccessLogSinks | null): KeyLogger | null {
  return spec === null || logs === null ? null : new TlsKeyLog(spec, logs.open(spec.path));
}

/** Secrets of connections in the form of NSS, for those who look into captures. Envoy: ContextImpl::keylogCallback. */
class TlsKeyLog implements KeyLogger {
  readonly #file: FileSink;
  /** null: any address. */
  readonly #local: CidrSet | null;
  readonly #remote: CidrSet | null;

  constructor({ local, remote }: KeyLogSpec, file: FileSink) {
    this.#file = file;
    this.#local = local.length === 0 ? null : new CidrSet(local);
    this.#remote = remote.length === 0 ? null : new CidrSet(remote);
  }

  watch(socket: KeyLogged, proxied: ProxiedAddresses | null): void {
    socket.on("keylog", (line: Buffer) => {
      const local = proxied?.localAddress ?? plainIp(socket.localAddress ?? "");
      const remote = proxied?.remoteAddress ?? plainIp(socket.remoteAddress ?? "");
      if (this.#local?.has(local) !== false && this.#remote?.has(remote) !== false)
        this.#file.write(line.latin1Slice());
    });
  }
}
