import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, describe, expect, test } from "vitest";
import { requirePeer } from "../../test/peers.ts";
import { type Bootstrap, BootstrapSchema } from "../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { type BootstrapCase, bootstrapCases } from "./bootstrap-cases.ts";
import { type LoadResult, loadBootstrap } from "./load.ts";

const dir = mkdtempSync(join(tmpdir(), "nuncio-load-"));
afterAll(() => rmSync(dir, { recursive: true }));

describe("a bootstrap is taken or refused as by Envoy", () => {
  for (const c of bootstrapCases) {
    test(c.name, () => {
      const result = load(c);
      expect(errorsOf(result)).toEqual(c.error === null ? [] : [c.error]);
      expect(result.message !== null).toBe(c.envoyAccepts);
      const name = c.at ?? /([\w@<]+)$/.exec(c.error ?? "")?.[1];
      if (name !== undefined) expect(textAt(c, result).replace('"', "").slice(0, name.length)).toBe(name);
    });
  }
});

describe("the verdicts are still Envoy's", () => {
  for (const c of bootstrapCases) {
    test(c.name, (context) => {
      const envoy = requirePeer("envoy", context);
      const args = ["--mode", "validate", "-l", "off", "-c", fileOf(c)];
      if (c.configYaml !== undefined) args.push("--config-yaml", c.configYaml);
      if (c.allowUnknown) args.push("--allow-unknown-static-fields");
      expect(spawnSync(envoy, args, { timeout: 20_000 }).status).toBe(c.envoyAccepts ? 0 : 1);
    });
  }
});

describe("what is read", () => {
  const yaml = (configYaml: string) => loadBootstrap({ configPath: null, configYaml, allowUnknownStaticFields: false });

  test("octal, hexadecimal and quoted numbers have their value", () => {
    const port = (text: string) => {
      const { message: bootstrap } = yaml(`admin: {address: {socket_address: {address: a, port_value: ${text}}}}`);
      const address = bootstrap?.admin?.address?.address;
      return address?.case === "socketAddress" ? address.value.portSpecifier.value : null;
    };
    expect(["010", "0x1f", '"80"', "1e2", '"010"'].map(port)).toEqual([8, 31, 80, 100, 10]);
  });

  test("--config-yaml overrides fields, merges messages and appends to lists", () => {
    const { message: bootstrap } = load({
      name: "merge",
      text: "node: {id: a, cluster: b}\nstatic_resources: {clusters: [{name: a}]}",
      configYaml: "node: {id: x}\nstatic_resources: {clusters: [{name: b}]}",
      envoyAccepts: true,
      error: null,
    });
    expect(bootstrap?.node).toMatchObject({ id: "x", cluster: "b" });
    expect(bootstrap?.staticResources?.clusters.map((cluster) => cluster.name)).toEqual(["a", "b"]);
  });

  test("a path found later is located in the text it came from", () => {
    const result = load({
      name: "locate",
      text: "static_resources:\n  clusters:\n  - name: a\n",
      configYaml: "static_resources:\n  clusters:\n    - name: b\n      connectTimeout: 1s\n",
      envoyAccepts: true,
      error: null,
    });
    expect(result.locate("static_resources.clusters[0].name")).toEqual({ file: "locate.yaml", line: 3, column: 5 });
    expect(result.locate("static_resources.clusters[1].connect_timeout")).toMatchObject({
      file: "--config-yaml",
      line: 4,
    });
    expect(result.locate("static_resources.clusters[1].lb_policy")).toMatchObject({ file: "--config-yaml", line: 3 });
    expect(result.locate("admin.address")).toBeNull();
  });

  test("a binary bootstrap is read, and what it has beyond the API is refused", () => {
    const bytes = toBinary(BootstrapSchema, create(BootstrapSchema, { flagsPath: "/a" }));
    const path = join(dir, "b.pb");
    writeFileSync(path, bytes);
    const options = { configPath: path, configYaml: null, allowUnknownStaticFields: false };
    expect(loadBootstrap(options).message?.flagsPath).toBe("/a");
    writeFileSync(path, Buffer.concat([bytes, Buffer.from([0xf8, 0x7f, 1])]));
    expect(loadBootstrap(options).problems).toMatchObject([{ reason: expect.stringContaining("number 2047") }]);
    expect(loadBootstrap({ ...options, allowUnknownStaticFields: true }).message?.flagsPath).toBe("/a");
  });

  test("all faults are told at once, each with what was meant", () => {
    const { problems } = yaml(
      "nod: {}\nstats_flush_intervall: 1s\nadmin: {acess_log_path: a}\nstatic_resources: {cluster: []}",
    );
    expect(problems.map((problem) => `${problem.path} -> ${problem.suggestion}`)).toEqual([
      "nod -> node",
      "stats_flush_intervall -> stats_flush_interval",
      "admin.acess_log_path -> access_log_path",
      "static_resources.cluster -> clusters",
    ]);
  });

  test("a deprecated field is a warning", () => {
    const { problems } = yaml("static_resources: {clusters: [{name: a, http2_protocol_options: {}}]}");
    expect(problems).toMatchObject([
      { severity: "warning", path: "static_resources.clusters[0].http2_protocol_options" },
    ]);
  });

  test("no config and a missing file are told in Envoy's words", () => {
    const text = (configPath: string | null) =>
      loadBootstrap({ configPath, configYaml: null, allowUnknownStaticFields: false }).problems[0].envoyText;
    expect(text(null)).toContain("At least one of --config-path or --config-yaml");
    expect(text("nowhere.yaml")).toBe("Invalid path: nowhere.yaml");
  });

  test("Envoy's sentence leads from the outermost message to the rule", () => {
    expect(yaml("static_resources: {clusters: [{name: a}, {}]}").problems[0].envoyText).toBe(
      "Proto constraint validation failed (BootstrapValidationError.StaticResources: embedded message failed validation | caused by StaticResourcesValidationError.Clusters[1]: embedded message failed validation | caused by ClusterValidationError.Name: value length must be at least 1 characters)",
    );
  });
});

function load(c: BootstrapCase): LoadResult<Bootstrap> {
  return loadBootstrap({
    configPath: fileOf(c),
    configYaml: c.configYaml ?? null,
    allowUnknownStaticFields: c.allowUnknown ?? false,
  });
}

function fileOf(c: BootstrapCase): string {
  const path = join(dir, `${c.name.replaceAll(/[^\w.-]/g, "_")}${c.as ?? ".yaml"}`);
  writeFileSync(path, c.text);
  return path;
}

function errorsOf(result: LoadResult<Bootstrap>): string[] {
  return result.problems.filter((problem) => problem.severity === "error").map((problem) => problem.path);
}

/** The text from where the first error is placed on. */
function textAt(c: BootstrapCase, result: LoadResult<Bootstrap>): string {
  const at = result.locations.get(result.problems[0]);
  if (at === undefined) return "";
  const text = at.file === "--config-yaml" ? (c.configYaml ?? "") : c.text;
  return text.split("\n")[at.line - 1].slice(at.column - 1);
}
