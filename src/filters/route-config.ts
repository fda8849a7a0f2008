import type { PerFilter } from "../router/route.ts";

/** The most specific config that the levels of a route have for a filter, for the filters that look at no other; null without any. */
export function routeConfig<Spec>(perFilter: PerFilter, name: string): Spec | null {
  const found = perFilter.get(name)?.find(({ type }) => type !== "");
  return found === undefined ? null : (found.config as Spec | null);
}

/** Those of all levels, the most specific first. */
export function routeConfigs<Spec>(perFilter: PerFilter, name: string): Spec[] {
  return (perFilter.get(name) ?? [])
    .filter(({ type, config }) => type !== "" && config !== null)
    .map(({ config }) => config as Spec);
}

/**
 * As a filter of that type sees them: what stands under its name for another kind of filter is no config of its own, but hides those of the
 * levels behind it from a filter that looks at the most specific alone. Envoy: resolveMostSpecificPerFilterConfig, which casts what it finds.
 */
export function configsFor(perFilter: PerFilter, name: string, type: string): PerFilter {
  const all = perFilter.get(name);
  const isForeign = (config: { type: string }) => config.type !== "" && packageOf(config.type) !== packageOf(type);
  if (all === undefined || !all.some(isForeign)) return perFilter;
  return new Map(perFilter).set(
    name,
    all.map((one) => (isForeign(one) ? { ...one, config: null } : one)),
  );
}

/** The messages of a filter, and those of its routes, are of one package. */
function packageOf(type: string): string {
  return type.slice(0, type.lastIndexOf("."));
}
