import type { StreamInfo } from "../../observability/stream-info.ts";
import type { AppendAction } from "../../router/spec.ts";
import { TemplateValue } from "../../router/template-value.ts";

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
      else add(params, spec.key, encode(value.of(info)), spec.action);
    }
    return withParams(target, params);
  }
}

/** The target without a parameter, its query written anew. */
export function withoutParam(target: string, name: string): string {
  const params = paramsOf(target);
  params.delete(name);
  return withParams(target, params);
}

function paramsOf(target: string): Map<string, string[]> {
  const at = target.indexOf("?");
  return at < 0 ? new Map() : parseQuery(target.slice(at + 1));
}

function withParams(target: string, params: Map<string, string[]>): string {
  const at = target.indexOf("?");
  const path = at < 0 ? target : target.slice(0, at);
  const pairs = [...params].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = pairs.flatMap(([key, values]) => values.map((one) => `${key}=${one}`)).join("&");
  return text === "" ? path : `${path}?${text}`;
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

function parseQuery(query: string): Map<string, string[]> {
  const params = new Map<string, string[]>();
  if (query === "") return params;
  for (const pair of query.split("&")) {
    const at = pair.indexOf("=");
    const key = percentDecode(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? "" : percentDecode(pair.slice(at + 1));
    add(params, key, value, "APPEND_IF_EXISTS_OR_ADD");
  }
  return params;
}

/** What is no percent-encoding stays as it is. */
export function percentDecode(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** RFC 3986 section 2.3: all but the unreserved. */
function encode(text: string): string {
  return text.replace(
    /[^A-Za-z0-9._~-]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}
