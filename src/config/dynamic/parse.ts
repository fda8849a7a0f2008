import {
  type ApiSourceSpec,
  type ConfigSourceSpec,
  parseApiSource,
  parseConfigSource,
} from "../../proto/config-source.ts";
import type { Bootstrap } from "../../proto/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import type { Problems } from "../../proto/problems.ts";

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
  return {
    ads: dynamic?.adsConfig === undefined ? null : parseApiSource(dynamic.adsConfig, at.at("ads_config")),
    lds: dynamic?.ldsConfig === undefined ? null : parseConfigSource(dynamic.ldsConfig, at.at("lds_config")),
    cds: dynamic?.cdsConfig === undefined ? null : parseConfigSource(dynamic.cdsConfig, at.at("cds_config")),
  };
}
