import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { type ConfigSourceSpec, parseConfigSource } from "../proto/config-source.ts";
import type { Bootstrap } from "../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import type { Problems } from "../proto/problems.ts";
import type { RuntimeEntry } from "../router/runtime-fraction.ts";
import { structEntries } from "./runtime-entries.ts";

/** One layer of layered_runtime. Envoy: RuntimeLayer. */
export type RuntimeLayerSpec = { name: string } & (
  | { kind: "static"; entries: Map<string, RuntimeEntry> }
  | {
      kind: "disk";
      /** The symbolic link that is watched. */
      symlinkRoot: string;
      /** Where the files are, the service cluster's folder included. */
      folder: string;
    }
  | { kind: "admin" }
  | { kind: "rtds"; resourceName: string; source: ConfigSourceSpec }
);

/** The layers of a bootstrap, lowest first; none without layered_runtime, one for the admin interface where it is empty. Faults are in `problems`. */
export function parseRuntimeLayers(
  bootstrap: Bootstrap,
  serviceCluster: string,
  problems: Problems,
): RuntimeLayerSpec[] {
  if (bootstrap.layeredRuntime === undefined) return [];
  const { layers } = bootstrap.layeredRuntime;
  if (layers.length === 0) return [{ name: "", kind: "admin" }];
  const specs: RuntimeLayerSpec[] = [];
  const names = new Set<string>();
  let hasAdmin = false;
  for (const [i, { name, layerSpecifier }] of layers.entries()) {
    const at = problems.at(`layered_runtime.layers[${i}]`);
    if (names.has(name)) {
      at.error("name", `a second layer is called "${name}"`, { envoyText: `Duplicate layer name: ${name}` });
    }
    names.add(name);
    switch (layerSpecifier.case) {
      case "staticLayer":
        specs.push({ name, kind: "static", entries: structEntries(layerSpecifier.value, at.at("static_layer")) });
        break;
      case "adminLayer":
        if (hasAdmin) {
          at.error("admin_layer", "a second admin layer; the admin interface writes to one", {
            envoyText: "Too many admin layers specified in LayeredRuntime, at most one may be specified",
          });
        }
        hasAdmin = true;
        specs.push({ name, kind: "admin" });
        break;
      case "diskLayer": {
        const { symlinkRoot, subdirectory, appendServiceCluster } = layerSpecifier.value;
        checkRoot(symlinkRoot, at.at("disk_layer"));
        const folder = `${symlinkRoot}/${subdirectory}`;
        specs.push({
          name,
          kind: "disk",
          symlinkRoot,
          folder: appendServiceCluster ? `${folder}/${serviceCluster}` : folder,
        });
        break;
      }
      case "rtdsLayer": {
        const { name: resourceName, rtdsConfig } = layerSpecifier.value;
        const source = parseConfigSource(rtdsConfig, at.at("rtds_layer.rtds_config"));
        if (source !== null) specs.push({ name, kind: "rtds", resourceName, source });
        break;
      }
      case undefined:
        // A rule of the API, told with all others.
        break;
    }
  }
  return specs;
}

function checkRoot(root: string, problems: Problems): void {
  if (root === "") {
    problems.error("symlink_root", "is empty: the link to watch is needed", { envoyText: "invalid file path " });
  } else if (!existsSync(dirname(root))) {
    problems.error("symlink_root", `there is no folder ${dirname(root)} to watch for ${root}`, {
      envoyText: `unable to add filesystem watch for file ${root}: No such file or directory`,
    });
  }
}
