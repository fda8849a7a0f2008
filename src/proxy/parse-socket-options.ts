import { parseTcpKeepalive, systemKeepalive, type TcpKeepaliveSpec } from "../net/tcp-keepalive.ts";
import type { Listener } from "../proto/generated/envoy/config/listener/v3/listener_pb.ts";
import type { Problems } from "../proto/problems.ts";

/**
 * The keepalive of a listener's connections: by tcp_keepalive, or by the socket options that control planes write it as. Of other
 * options TCP_NODELAY, which is always on, can be had.
 */
export function parseListenerKeepalive(
  message: Pick<Listener, "tcpKeepalive" | "socketOptions">,
  problems: Problems,
): TcpKeepaliveSpec | null {
  const asked = parseTcpKeepalive(message.tcpKeepalive);
  // Envoy: a 0 anywhere turns it off.
  let isOn = asked !== null && asked.timeS > 0 && asked.intervalS > 0 && asked.probes > 0;
  const spec: TcpKeepaliveSpec = isOn && asked !== null ? asked : { ...systemKeepalive };
  for (const [i, { level, name, value }] of message.socketOptions.entries()) {
    const number = value.case === "intValue" ? Number(value.value) : Number.NaN;
    const option = Number.isNaN(number) ? undefined : options[`${level}.${name}`];
    if (option === "SO_KEEPALIVE") isOn = number !== 0;
    else if (option === "TCP_NODELAY" && number !== 0) continue;
    else if (option === undefined || option === "TCP_NODELAY") {
      problems.error(`socket_options[${i}]`, `level ${level}, name ${name}: Node can set keepalive options only`);
    } else spec[option] = number;
  }
  return isOn ? spec : null;
}

/** By level and name, as Linux numbers them. */
const options: Readonly<Record<string, "SO_KEEPALIVE" | "TCP_NODELAY" | keyof TcpKeepaliveSpec>> = {
  "1.9": "SO_KEEPALIVE",
  "6.1": "TCP_NODELAY",
  "6.4": "timeS",
  "6.5": "intervalS",
  "6.6": "probes",
};
