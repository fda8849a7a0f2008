import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { freePorts } from "../differential/process.ts";
import { peer } from "../peers.ts";
import { startNuncio } from "./nuncio.ts";

const keepalive = { keepalive_time: 30, keepalive_interval: 7, keepalive_probes: 4 };
// SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, as control planes write them.
const asOptions = [
  [1, 9, 1],
  [6, 4, 30],
  [6, 5, 7],
  [6, 6, 4],
].map(([level, name, int_value]) => ({ level, name, int_value, state: "STATE_LISTENING" }));
const cases = [
  { name: "tcp_keepalive", listener: { tcp_keepalive: keepalive }, seconds: 30 },
  { name: "socket_options", listener: { socket_options: asOptions }, seconds: 30 },
  { name: "neither", listener: {}, seconds: null },
];
const envoy = peer("envoy");
const upstreamTls = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";

for (const binary of [undefined, envoy].filter((one) => one !== null)) {
  for (const { name, listener, seconds } of cases) {
    test(`${binary === undefined ? "Nuncio" : "Envoy"}: ${name} sets the keepalive timer of a connection`, async () => {
      const nuncio = await startNuncio({ backendPort: 9, listener, ...(binary === undefined ? {} : { binary }) });
      const socket = await opened(nuncio.port);
      try {
        await expect.poll(() => keepaliveSeconds(nuncio.port, "local"), { timeout: 5000 }).toBe(seconds);
      } finally {
        socket.destroy();
        await nuncio.stop();
      }
    });
  }

  for (const isTls of [false, true]) {
    const how = isTls ? "a TLS connection" : "a connection";
    test(`${binary === undefined ? "Nuncio" : "Envoy"}: tcp_keepalive of a cluster sets the timer of ${how} to its host`, async () => {
      const sockets = new Set<Socket>();
      const backend = createServer((socket) => sockets.add(socket.on("error", () => {})));
      await once(backend.listen(0, "127.0.0.1"), "listening");
      const { port } = backend.address() as AddressInfo;
      const cluster = {
        upstream_connection_options: { tcp_keepalive: keepalive },
        ...(isTls ? { transport_socket: { name: "tls", typed_config: { "@type": upstreamTls } } } : {}),
      };
      const nuncio = await startNuncio({ backendPort: port, cluster, ...(binary === undefined ? {} : { binary }) });
      const client = await opened(nuncio.port);
      try {
        client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        await expect.poll(() => keepaliveSeconds(port, "remote"), { timeout: 5000 }).toBe(30);
      } finally {
        client.destroy();
        await nuncio.stop();
        for (const socket of sockets) socket.destroy();
        backend.close();
      }
    });
  }

  for (const ipv4_compat of [false, true]) {
    const whose = ipv4_compat ? "takes IPv4 too" : "takes IPv6 alone";
    test(`${binary === undefined ? "Nuncio" : "Envoy"}: [::] with ipv4_compat: ${ipv4_compat} ${whose}`, async () => {
      const [port = 0] = await freePorts(1);
      const listener = { address: { socket_address: { address: "::", port_value: port, ipv4_compat } } };
      const nuncio = await startNuncio({ backendPort: 9, listener, ...(binary === undefined ? {} : { binary }) });
      try {
        (await opened(port, "::1")).destroy();
        if (ipv4_compat) (await opened(port)).destroy();
        else await expect(opened(port)).rejects.toThrow("ECONNREFUSED");
      } finally {
        await nuncio.stop();
      }
    });
  }

  test(`${binary === undefined ? "Nuncio" : "Envoy"}: bind_to_port: false takes no connections`, async () => {
    const nuncio = await startNuncio({
      backendPort: 9,
      listener: { bind_to_port: false },
      ...(binary === undefined ? {} : { binary }),
    });
    try {
      await expect(opened(nuncio.port)).rejects.toThrow("ECONNREFUSED");
      const { body } = await nuncio.admin("/listeners");
      expect(body).toContain(`::127.0.0.1:${nuncio.port}`);
    } finally {
      await nuncio.stop();
    }
  });
}

function opened(port: number, host = "127.0.0.1"): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => resolve(socket));
    socket.on("error", reject);
  });
}

/** Until the next probe by the server (whose port is local) or the client of the one connection to a port, rounded up to tens; null where there is none, -1 without a connection. */
function keepaliveSeconds(port: number, side: "local" | "remote"): number | null {
  const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
    const [, local = "", remote = "", state, , timer = ""] = line.trim().split(/\s+/);
    if (!(side === "local" ? local : remote).endsWith(end) || state !== "01") continue;
    const [kind, left = ""] = timer.split(":");
    // Hundredths of a second.
    return kind === "02" ? Math.ceil(Number.parseInt(left, 16) / 1000) * 10 : null;
  }
  return -1;
}
