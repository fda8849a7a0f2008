import type { Filter } from "../filters/api.ts";
import { linkRoute } from "../filters/linkers.ts";
import type { PerFilter, RouteFilters } from "../router/route.ts";

/** One filter of a chain as a hook's list holds it. */
export interface ChainEntry {
  readonly filter: Filter;
  /** Its place in the chain: the index of its scratch and override. */
  readonly slot: number;
}

/** A filter of a chain, linked. */
export interface ChainFilter {
  name: string;
  /** Full name of its message. */
  type: string;
  filter: Filter;
  /** It runs only on routes that turn it on. */
  disabled: boolean;
}

/** Who wants to be called in one direction. */
export interface HookLists {
  readonly head: readonly ChainEntry[];
  readonly data: readonly ChainEntry[];
  readonly trailers: readonly ChainEntry[];
}

/** The filters that run for a request, by hook: one that does not care costs nothing. */
export interface ChainVariant {
  /** First to last. */
  readonly request: HookLists;
  /** Last to first. */
  readonly response: HookLists;
  readonly destroy: readonly ChainEntry[];
}

/** The linked HTTP filters of one connection manager without the terminal router. */
export class FilterChain {
  readonly #filters: readonly ChainFilter[];
  /** Variant 0 has those that are not disabled of themselves; the others are what routes ask for. */
  readonly variants: ChainVariant[];
  readonly #variantsByKey = new Map<string, number>();

  constructor(filters: readonly ChainFilter[]) {
    this.#filters = filters;
    const isOn = filters.map(({ disabled }) => !disabled);
    this.variants = [variantOf(filters, isOn)];
    this.#variantsByKey.set(isOn.join(), 0);
  }

  /** What the filters have of a route that says something to one of them. */
  linkRoute(perFilter: PerFilter): RouteFilters {
    const overrides = this.#filters.map(({ name, type, filter }) => linkRoute(filter, type, perFilter, name));
    const outer = this.#filters.some(({ filter }) => filter.linkOuter)
      ? this.#filters.map(({ name, filter }) => filter.linkOuter?.(perFilter, name) ?? null)
      : null;
    const isOn = this.#filters.map(({ name, disabled }) => !(perFilter.get(name)?.[0]?.disabled ?? disabled));
    const key = isOn.join();
    let variant = this.#variantsByKey.get(key);
    if (variant === undefined) {
      variant = this.variants.push(variantOf(this.#filters, isOn)) - 1;
      this.#variantsByKey.set(key, variant);
    }
    return { overrides, outer, variant };
  }
}

/** Those of `before` up to `slot`, and of `after` behind it: a request goes on by another route than it began with. */
export function joinVariants(before: ChainVariant, after: ChainVariant, slot: number): ChainVariant {
  const up = (list: readonly ChainEntry[]) => list.filter((entry) => entry.slot <= slot);
  const behind = (list: readonly ChainEntry[]) => list.filter((entry) => entry.slot > slot);
  const request = (a: readonly ChainEntry[], b: readonly ChainEntry[]) => [...up(a), ...behind(b)];
  const response = (a: readonly ChainEntry[], b: readonly ChainEntry[]) => [...behind(b), ...up(a)];
  return {
    request: joinLists(before.request, after.request, request),
    response: joinLists(before.response, after.response, response),
    destroy: request(before.destroy, after.destroy),
  };
}

function joinLists(
  before: HookLists,
  after: HookLists,
  join: (a: readonly ChainEntry[], b: readonly ChainEntry[]) => ChainEntry[],
): HookLists {
  return {
    head: join(before.head, after.head),
    data: join(before.data, after.data),
    trailers: join(before.trailers, after.trailers),
  };
}

function variantOf(filters: readonly ChainFilter[], isOn: readonly boolean[]): ChainVariant {
  const entries = filters.map(({ filter }, slot) => ({ filter, slot })).filter(({ slot }) => isOn[slot]);
  const reverse = entries.toReversed();
  return {
    request: {
      head: entries.filter(({ filter }) => filter.onRequestHead),
      data: entries.filter(({ filter }) => filter.onRequestData),
      trailers: entries.filter(({ filter }) => filter.onRequestTrailers),
    },
    response: {
      head: reverse.filter(({ filter }) => filter.onResponseHead),
      data: reverse.filter(({ filter }) => filter.onResponseData),
      trailers: reverse.filter(({ filter }) => filter.onResponseTrailers),
    },
    destroy: entries.filter(({ filter }) => filter.onDestroy),
  };
}
