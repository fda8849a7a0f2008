import type { StreamInfo } from "../../observability/stream-info.ts";
import type { AppendAction } from "../../router/spec.ts";
import { TemplateValue } from "../../router/template-value.ts";
import { paramsOf, percentEncode, withParams } from "../query-params.ts";

/** config.core.v3.KeyValueMutation of a query parameter. */
export type QueryMutationSpec =
  | { kind: "append"; key: string; value: string; action: AppendAction }
  | { kind: "remove"; key: string };

/**
 * Changes of a request's query. As Envoy does it the whole query is written anew: parameters sorted by name, each with its "=", what was
 * percent-encoded is plain, and only the values added here are encoded. Envoy: Http::Utility::QueryParamsMulti.
 */
export class QueryMutations {
  readonly #steps: readonly { spec: QueryMutationSpec; value: TemplateValue | null }[];

  constructor(specs: readonly QueryMutationSpec[]) {
    this.#steps = specs.map((spec) => ({
      spec,
      value: spec.kind === "append" ? new TemplateValue(spec.value) : null,
    }));
  }

  get isEmpty(): boolean {
    return this.#steps.length === 0;
  }

  /** `target` is a path with its query; all are wire bytes. */
  apply(target: string, info: StreamInfo): string {
    const params = paramsOf(target);
    for (const { spec, value } of this.#steps) {
      if (spec.kind === "remove" || value === null) params.delete(spec.key);
      else add(params, spec.key, percentEncode(value.of(info)), spec.action);
    }
    return withParams(target, params);
  }
}

function add(params: Map<string, string[]>, key: string, value: string, action: AppendAction): void {
  const known = params.get(key);
  switch (action) {
    case "APPEND_IF_EXISTS_OR_ADD":
      if (known === undefined) params.set(key, [value]);
      else known.push(value);
      return;
    case "ADD_IF_ABSENT":
      if (known === undefined) params.set(key, [value]);
      return;
    case "OVERWRITE_IF_EXISTS_OR_ADD":
      params.set(key, [value]);
      return;
    case "OVERWRITE_IF_EXISTS":
      if (known !== undefined) params.set(key, [value]);
  }
}
