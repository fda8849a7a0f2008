import { sortedJson } from "../observability/format-values.ts";

/** What a request asks of the metadata of its host: names in order of bytes. Envoy: MetadataMatchCriteriaImpl. */
export class MetadataCriteria {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly names: readonly string[];
  /** Names and values as one text: equal where both are. */
  readonly key: string;

  constructor(fields: Readonly<Record<string, unknown>>) {
    this.#fields = fields;
    this.names = Object.keys(fields).sort();
    this.key = criteriaKey(this.names.map((name) => [name, fields[name]]));
  }

  value(name: string): unknown {
    return this.#fields[name];
  }

  /** With these fields in the place of those of the same name. */
  merge(fields: Readonly<Record<string, unknown>>): MetadataCriteria {
    return new MetadataCriteria({ ...this.#fields, ...fields });
  }

  /** Those of these names. */
  only(names: readonly string[]): MetadataCriteria {
    return this.#filter((name) => names.includes(name));
  }

  without(name: string): MetadataCriteria {
    return this.#filter((other) => other !== name);
  }

  #filter(keeps: (name: string) => boolean): MetadataCriteria {
    return new MetadataCriteria(Object.fromEntries(Object.entries(this.#fields).filter(([name]) => keeps(name))));
  }
}

/** Pairs by name to one text. */
export function criteriaKey(pairs: readonly (readonly [name: string, value: unknown])[]): string {
  return pairs.map(([name, value]) => `${name}\0${sortedJson(value)}`).join("\0");
}
