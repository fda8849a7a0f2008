import type { PerFilter } from "../router/route.ts";

/** The most specific config that the levels of a route have for a filter, for the filters that look at no other; null without any. */
export function routeConfig<Spec>(perFilter: PerFilter, name: string): Spec | null {
  const found = perFilter.get(name)?.find(({ type }) => type !== "");
  return found === undefined ? null : (found.config as Spec);
}
