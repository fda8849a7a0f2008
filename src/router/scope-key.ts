import type { RequestHead } from "../http/header-block.ts";

/** How one part of a scope's key is made of a request. Envoy: ScopeKeyBuilder.FragmentBuilder.HeaderValueExtractor. */
export interface ScopeFragmentSpec {
  /** Lower-case. */
  header: string;
  /** Of the value's elements; "" for a value that is one. */
  elementSeparator: string;
  /** Which element it is; -1 where it is the one with `key`. */
  index: number;
  key: string;
  /** Between an element's key and value. */
  keySeparator: string;
}

/** The key that a request's fragments make; null where one is missing. Envoy: ScopeKeyBuilderImpl::computeScopeKey. */
export function scopeKeyOf(fragments: readonly ScopeFragmentSpec[], head: RequestHead): string | null {
  let key = "";
  for (let i = 0; i < fragments.length; i++) {
    const part = fragmentOf(fragments[i] as ScopeFragmentSpec, head);
    if (part === null) return null;
    key += part + separator;
  }
  return key;
}

/** The same of a scope's own fragments. */
export function scopeKey(fragments: readonly string[]): string {
  return fragments.map((part) => part + separator).join("");
}

function fragmentOf(spec: ScopeFragmentSpec, head: RequestHead): string | null {
  const value = head.find(spec.header);
  if (value === null) return null;
  const elements = spec.elementSeparator === "" ? [value] : value.split(spec.elementSeparator);
  if (spec.index >= 0) return elements[spec.index] ?? null;
  for (const element of elements) {
    const at = element.indexOf(spec.keySeparator);
    const key = at < 0 ? element : element.slice(0, at);
    if (key === spec.key) return at < 0 ? "" : element.slice(at + spec.keySeparator.length);
  }
  return null;
}

/** In no value of a header. */
const separator = "\0";
