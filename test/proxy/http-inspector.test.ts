import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePorts, startProxy } from "../differential/process.ts";
import { candidateCommand } from "../differential/suite.ts";
import { peer } from "../peers.ts";

// Chains chosen by the protocol that the first bytes speak, on Nuncio and on real Envoy.

test.each([
  ["nuncio", candidateCommand],
  ["envoy", peer("envoy")],
])("http_inspector tells HTTP/1.0, HTTP/1.1 and HTTP/2 apart: %s", async (name, command) => {
  if (process.env.CI === "true") expect(command).not.toBe(null);
  if (command === null) return;
  const folder = mkdtempSync(join(tmpdir(), "nuncio-inspector-"));
  const [port = 0, adminPort = 0] = await freePorts(2);
  const proxy = await startProxy(command, bootstrap(port, adminPort), adminPort, folder, name);
  const answers = [
    await raw(port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    await raw(port, "GET / HTTP/1.0\r\nHost: a\r\n\r\n"),
    await raw(port, "G", "ET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    await http2(port),
    await raw(port, "\u0001\u0002\u0003\r\n\r\n"),
  ];
  expect(answers).toEqual(["211", "210", "211", "212", "closed"]);
  await proxy.stop();
  rmSync(folder, { recursive: true });
});

/** The status; each text goes out on its own. */
function raw(port: number, ...texts: string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("data", (data) => (answer += data));
    socket.on("error", () => {});
    socket.once("close", () => resolve(/^HTTP\/1\.[01] (\d+)/.exec(answer)?.[1] ?? "closed"));
    for (const [i, text] of texts.entries()) setTimeout(() => socket.write(text, "latin1"), 50 * i);
  });
}

function http2(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = session.request({ ":path": "/" });
    stream.once("response", (head) => {
      session.destroy();
      resolve(String(head[":status"]));
    });
    stream.once("error", reject);
  });
}

function bootstrap(port: number, adminPort: number): object {
  const chain = (protocol: string, status: number) => ({
    filter_chain_match: { application_protocols: [protocol] },
    filters: [
      {
        name: "envoy.filters.network.http_connection_manager",
        typed_config: {
          "@type":
            "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
          stat_prefix: "in",
          http_protocol_options: { accept_http_10: true },
          route_config: {
            virtual_hosts: [
              { name: "a", domains: ["*"], routes: [{ match: { prefix: "/" }, direct_response: { status } }] },
            ],
          },
          http_filters: [
            {
              name: "envoy.filters.http.router",
              typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
            },
          ],
        },
      },
    ],
  });
  const inspector = {
    name: "envoy.filters.listener.http_inspector",
    typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector" },
  };
  const at = (number: number) => ({ socket_address: { address: "127.0.0.1", port_value: number } });
  return {
    admin: { address: at(adminPort) },
    static_resources: {
      listeners: [
        {
          name: "main",
          address: at(port),
          listener_filters: [inspector],
          filter_chains: [chain("http/1.0", 210), chain("http/1.1", 211), chain("h2c", 212)],
        },
      ],
    },
  };
}
