import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { loadBootstrap } from "../../src/config/load.ts";
import { bootstrapToSpecs } from "../../src/config/resources.ts";
import { SecretStore } from "../../src/config/secret-store.ts";
import { Problems } from "../../src/proto/problems.ts";
import { requirePeer } from "../peers.ts";
import { configCases, type FilterConfigCase } from "./config-cases.ts";

/** Configs of HTTP filters: what Nuncio says of them, and that real Envoy takes or refuses the same. */
describe("configs of HTTP filters are taken or refused as by Envoy", () => {
  for (const c of configCases) {
    test(c.name, (context) => {
      const text = bootstrapOf(c);
      const problems = problemsOf(text);
      const errors = problems.filter(({ severity }) => severity === "error");
      expect(errors.map(({ path }) => path)).toEqual(
        c.error === undefined ? [] : [(c.listener === undefined ? hcm : listenerPath) + c.error.path],
      );
      if (c.error !== undefined) expect(errors[0]?.reason).toContain(c.error.says);
      if (c.warns !== undefined) expect(problems.map(({ reason }) => reason).join("\n")).toContain(c.warns);
      const envoy = requirePeer("envoy", context);
      const { status, stderr } = spawnSync(envoy, ["--mode", "validate", "-l", "critical", "--config-yaml", text], {
        encoding: "utf8",
        timeout: 20_000,
      });
      expect(status, stderr).toBe(c.error === undefined || c.error.envoySays === null ? 0 : 1);
      const words = c.error?.envoySays ?? null;
      if (words === null) return;
      expect(stderr).toContain(words);
      expect(errors[0]?.envoyText).toContain(words);
    });
  }
});

const listenerPath = "static_resources.listeners[0].";
const hcm = `${listenerPath}filter_chains[0].filters[0].typed_config.`;

function problemsOf(text: string): Problems["list"] {
  const loaded = loadBootstrap({ configPath: null, configYaml: text, allowUnknownStaticFields: false });
  if (loaded.message === null) return loaded.problems;
  const problems = new Problems();
  bootstrapToSpecs(loaded.message, problems, 1, false, new SecretStore());
  return [...loaded.problems, ...problems.list];
}

function bootstrapOf({
  filters = [],
  networkFilters = [],
  listener = {},
  virtualHost = {},
  route = {},
  action = {},
  routeConfig = {},
  manager: more = {},
}: FilterConfigCase): string {
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    ...more,
    http_filters: [
      ...filters,
      {
        name: "router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
      },
    ],
    route_config: {
      name: "r",
      virtual_hosts: [
        {
          name: "v",
          domains: ["*"],
          routes: [{ match: { prefix: "/" }, route: { cluster: "c", ...action }, ...route }],
          ...virtualHost,
        },
      ],
      ...routeConfig,
    },
  };
  return JSON.stringify({
    static_resources: {
      listeners: [
        {
          name: "l",
          address: { socket_address: { address: "127.0.0.1", port_value: 10000 } },
          filter_chains: [{ filters: [...networkFilters, { name: "hcm", typed_config: manager }] }],
          ...listener,
        },
      ],
      clusters: [{ name: "c", type: "STATIC", load_assignment: { cluster_name: "c", endpoints: [] } }],
    },
  });
}
