import { type ApiSourceSpec, parseApiSource } from "../../proto/api-source.ts";
import { type ConfigSourceSpec, parseConfigSource } from "../../proto/config-source.ts";
import type { Bootstrap } from "../../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { ApiConfigSourceSchema } from "../../proto/generated/envoy/config/core/v3/config_source_pb.ts";
import type { Problems } from "../../proto/problems.ts";
import { suggest } from "../../proto/suggest.ts";

/** dynamic_resources, read. */
export interface DynamicSpec {
  ads: ApiSourceSpec | null;
  lds: ConfigSourceSpec | null;
  cds: ConfigSourceSpec | null;
}

/** dynamic_resources of a bootstrap. Faults are in `problems`. */
export function parseDynamicResources(bootstrap: Bootstrap, problems: Problems): DynamicSpec {
  const dynamic = bootstrap.dynamicResources;
  const at = problems.at("dynamic_resources");
  for (const [field, value] of [
    ["lds_resources_locator", dynamic?.ldsResourcesLocator],
    ["cds_resources_locator", dynamic?.cdsResourcesLocator],
  ] as const) {
    if (value !== undefined && value !== "") at.error(field, "xdstp names are not implemented in Nuncio yet");
  }
  const spec: DynamicSpec = {
    ads: dynamic?.adsConfig === undefined ? null : parseApiSource(dynamic.adsConfig, at.at("ads_config")),
    lds: dynamic?.ldsConfig === undefined ? null : parseConfigSource(dynamic.ldsConfig, at.at("lds_config")),
    cds: dynamic?.cdsConfig === undefined ? null : parseConfigSource(dynamic.cdsConfig, at.at("cds_config")),
  };
  const known = new Set((bootstrap.staticResources?.clusters ?? []).map(({ name }) => name));
  const apis = [
    ["ads_config", spec.ads],
    ["lds_config.api_config_source", spec.lds?.kind === "API" ? spec.lds.api : null],
    ["cds_config.api_config_source", spec.cds?.kind === "API" ? spec.cds.api : null],
  ] as const;
  for (const [path, api] of apis) {
    if (api === null || api.google !== null || known.has(api.cluster)) continue;
    at.error(path, `the bootstrap has no cluster "${api.cluster}"`, {
      suggestion: suggest(api.cluster, known),
      envoyText: `${ApiConfigSourceSchema.typeName} must have a statically defined non-EDS cluster: '${api.cluster}' does not exist, was added via api, or is an EDS cluster`,
    });
  }
  return spec;
}
