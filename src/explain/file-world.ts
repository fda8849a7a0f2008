import { loadBootstrap } from "../config/load.ts";
import { formatProblems } from "../config/report.ts";
import { bootstrapToSpecs, type ServerSpec } from "../config/resources.ts";
import { parseRuntimeLayers } from "../config/runtime-layers.ts";
import { SecretStore } from "../config/secret-store.ts";
import type { Bootstrap } from "../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { Problems } from "../proto/problems.ts";
import type { RuntimeEntry } from "../router/runtime-fraction.ts";
import type { ExplainWorld } from "./world.ts";

/** A bootstrap that was read, with the runtime of its static layers. */
export interface LoadedFile {
  bootstrap: Bootstrap;
  specs: ServerSpec;
  runtime: ReadonlyMap<string, RuntimeEntry>;
}

/** Reads a bootstrap's file or text; a string tells its faults as a start would. */
export function loadFile(configPath: string, configYaml: string): LoadedFile | string {
  const loaded = loadBootstrap({ configPath, configYaml, allowUnknownStaticFields: false });
  const bootstrap = loaded.message;
  const problems = new Problems("", loaded.problems);
  const layers = bootstrap === null ? [] : parseRuntimeLayers(bootstrap, bootstrap.node?.cluster ?? "", problems);
  const runtime = new Map<string, RuntimeEntry>();
  for (const layer of layers) {
    if (layer.kind === "static") for (const [key, entry] of layer.entries) runtime.set(key, entry);
  }
  const leniency = runtime.get("nuncio.http1_envoy_leniency")?.flag === true;
  const specs = bootstrap === null ? null : bootstrapToSpecs(bootstrap, problems, 1, leniency, new SecretStore());
  if (bootstrap !== null && specs !== null && !problems.hasErrors) return { bootstrap, specs, runtime };
  const errors = problems.list.filter(({ severity }) => severity === "error");
  const text = formatProblems(errors, (problem) => {
    return loaded.locations.get(problem) ?? (problem.path === "" ? null : loaded.locate(problem.path));
  });
  return `error initializing configuration '${configPath}':\n${text}`;
}

/** The world of a bootstrap. Layers of runtime that are no static ones are not read. */
export function worldOf({ specs: { listeners, clusters }, runtime }: LoadedFile): ExplainWorld {
  return {
    listeners,
    routes: () => null,
    scopes: () => [],
    filterConfigs: () => null,
    cluster: (name) => {
      const spec = clusters.find((one) => one.name === name);
      if (spec === undefined) return null;
      // DNS is not asked: its names stand for their addresses.
      return { spec, localities: spec.dns === null ? spec.localities : spec.dns.template };
    },
    runtime: { entry: (key) => runtime.get(key) ?? null },
    isOffline: true,
  };
}
