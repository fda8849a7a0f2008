import type { RequestHead } from "../http/header-block.ts";
import type { StreamInfo } from "../observability/stream-info.ts";
import type { Route } from "../router/route.ts";
import type { RouteTable } from "../router/route-table.ts";
import { type ScopeFragmentSpec, scopeKeyOf } from "../router/scope-key.ts";
import type { Slices } from "../router/slices.ts";
import type { RouteConfigSpec } from "../router/spec.ts";
import type { ScopeSpec } from "./spec.ts";

/** The route tables of one connection manager by scope. Immutable. Envoy: ScopedConfigImpl. */
export class ScopedTables {
  readonly #fragments: readonly ScopeFragmentSpec[];
  readonly #byKey = new Map<string, RouteTable>();
  readonly #bySpec = new Map<RouteConfigSpec, RouteTable>();

  private constructor(fragments: readonly ScopeFragmentSpec[]) {
    this.#fragments = fragments;
  }

  /** `routes`: what came by RDS. Tables of `before` whose routes are the same object are kept. */
  static *link(
    fragments: readonly ScopeFragmentSpec[],
    scopes: readonly ScopeSpec[],
    routes: (name: string) => RouteConfigSpec | null,
    link: (spec: RouteConfigSpec) => Slices<RouteTable>,
    before: ScopedTables | null,
  ): Slices<ScopedTables> {
    const tables = new ScopedTables(fragments);
    for (const scope of scopes) {
      const spec = scope.routeConfig ?? routes(scope.routeConfigName);
      if (spec === null) continue;
      let table = tables.#bySpec.get(spec);
      if (table === undefined) {
        const known = before === null ? undefined : before.#bySpec.get(spec);
        table = known ?? (yield* link(spec));
        tables.#bySpec.set(spec, table);
      }
      tables.#byKey.set(scope.key, table);
    }
    return tables;
  }

  /** null where no scope is the request's, and where none of its routes matches. */
  match(head: RequestHead, info: StreamInfo, random: number): Route | null {
    return this.#tableOf(head)?.match(head, info, random) ?? null;
  }

  internalOnlyHeadersFor(head: RequestHead): readonly string[] {
    return this.#tableOf(head)?.internalOnlyHeadersFor() ?? none;
  }

  /** See RouteTable. */
  onDemandName(head: RequestHead): string {
    return this.#tableOf(head)?.onDemandName(head) ?? "";
  }

  #tableOf(head: RequestHead): RouteTable | undefined {
    const key = scopeKeyOf(this.#fragments, head);
    return key === null ? undefined : this.#byKey.get(key);
  }
}

const none: readonly string[] = [];
