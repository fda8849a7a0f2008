import type { HttpFilterSpec } from "../filters/http-filters.ts";
import type { HcmSpec } from "../proxy/spec.ts";
import type { PerFilterConfigSpec } from "../router/spec.ts";
import type { FilterFacts } from "./explanation.ts";
import type { ExplainWorld } from "./world.ts";

/** A level of typed_per_filter_config. */
export interface FilterLevel {
  name: string;
  config: PerFilterConfigSpec;
}

/** Which filters run, and why; `levels` begin with the most specific one. As FilterChain.linkRoute decides. */
export function describeFilters(hcm: HcmSpec, levels: readonly FilterLevel[], world: ExplainWorld): FilterFacts[] {
  return hcm.filters.map((filter) => {
    const level = levels.find(({ config }) => config[filter.name] !== undefined);
    const said = level?.config[filter.name];
    const isOn = !(said?.disabled ?? filter.disabled);
    return {
      name: filter.name,
      type: typeOf(filter, world),
      isOn,
      why: whyText(filter, isOn, level?.name, said?.type),
    };
  });
}

function whyText(filter: HttpFilterSpec, isOn: boolean, level: string | undefined, type: string | undefined): string {
  if (level === undefined) return filter.disabled ? "disabled in the chain, and no level turns it on" : "";
  if (!isOn) return `disabled by the ${level}`;
  const config = type === "" || type === undefined ? "" : `config of the ${level}`;
  return filter.disabled ? `turned on by the ${level}` : config;
}

function typeOf(filter: HttpFilterSpec, { filterConfigs }: ExplainWorld): string {
  const present = filter.discovery === null ? null : filterConfigs(filter.name);
  const type = (present ?? filter).type;
  return type === "" ? "by ECDS, has not come" : type;
}
