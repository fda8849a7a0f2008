import { linkFormat } from "../../observability/access-log.ts";
import type { FilterStateObject } from "../../observability/filter-state.ts";
import type { Formatter } from "../../observability/format.ts";
import type { StreamInfo } from "../../observability/stream-info.ts";
import type { PerFilter } from "../../router/route.ts";
import { type Filter, type FilterStream, HeadersStatus } from "../api.ts";
import { routeConfigs } from "../route-config.ts";
import type { FilterStateValueSpec, SetFilterStateSpec } from "./parse.ts";

/** Leaves texts under keys for others to read. Envoy: SetFilterState. */
export class SetFilterStateFilter implements Filter {
  readonly #slot: number;
  readonly #own: readonly Value[];
  readonly #clearsRoute: boolean;

  constructor(spec: SetFilterStateSpec, slot: number) {
    this.#slot = slot;
    this.#own = spec.values.map((value) => new Value(value));
    this.#clearsRoute = spec.clearsRoute;
  }

  /** Of all levels, the least specific first. What they say of the route is not looked at. */
  linkRoute(perFilter: PerFilter, name: string): readonly Value[] {
    return routeConfigs<SetFilterStateSpec>(perFilter, name)
      .reverse()
      .flatMap(({ values }) => values.map((value) => new Value(value)));
  }

  onRequestHead(stream: FilterStream): HeadersStatus {
    apply(this.#own, stream.info);
    apply((stream.override(this.#slot) as readonly Value[] | null) ?? none, stream.info);
    if (this.#clearsRoute) stream.refreshRoute();
    return HeadersStatus.Continue;
  }
}

function apply(values: readonly Value[], info: StreamInfo): void {
  for (let i = 0; i < values.length; i++) (values[i] as Value).apply(info);
}

class Value {
  readonly #spec: FilterStateValueSpec;
  readonly #formatter: Formatter;

  constructor(spec: FilterStateValueSpec) {
    this.#spec = spec;
    this.#formatter = linkFormat(spec.format);
  }

  apply(info: StreamInfo): void {
    const { key, isHashable, skipsEmpty } = this.#spec;
    const text = this.#formatter.format(info);
    if (text === "" && skipsEmpty) return;
    info.filterState ??= new Map();
    info.filterState.set(key, new StateText(text, isHashable));
  }
}

/** Envoy: Router::StringAccessorImpl. */
class StateText implements FilterStateObject {
  readonly #text: string;
  readonly #isHashable: boolean;

  constructor(text: string, isHashable: boolean) {
    this.#text = text;
    this.#isHashable = isHashable;
  }

  text(): string {
    return this.#text;
  }

  /** google.protobuf.StringValue. */
  fields(): string {
    return Buffer.from(this.#text, "latin1").toString();
  }

  hashText(): string | null {
    return this.#isHashable ? this.#text : null;
  }
}

const none: readonly Value[] = [];
