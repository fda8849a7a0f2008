/** One layer of the runtime, lowest first. */
export interface RuntimeLayer {
  name: string;
  kind: "static" | "disk" | "admin" | "rtds";
  values: Map<string, string>;
}

/** Envoy's layered runtime: a key's value is that of the highest layer that has it. */
export class RuntimeLayers {
  readonly layers: RuntimeLayer[];
  private readonly onChange: (key: string, value: string | null) => void;

  /** `onChange` gets a key and its final value, null where no layer has one any more. */
  constructor(layers: RuntimeLayer[], onChange: (key: string, value: string | null) => void = () => {}) {
    this.layers = layers;
    this.onChange = onChange;
  }

  /** The value that counts; null where no layer has the key. */
  finalValue(key: string): string | null {
    for (let i = this.layers.length - 1; i >= 0; i--) {
      const value = this.layers[i].values.get(key);
      if (value !== undefined) return value;
    }
    return null;
  }

  /** Every key with the value that counts. */
  finalValues(): Record<string, string> {
    return Object.fromEntries(this.keys().map((key) => [key, this.finalValue(key) ?? ""]));
  }

  /** Every key of every layer, sorted. */
  keys(): string[] {
    const keys = new Set<string>();
    for (const layer of this.layers) for (const key of layer.values.keys()) keys.add(key);
    return [...keys].sort();
  }

  /** Sets keys in the admin layer; an empty value takes an override away. False where there is no admin layer. */
  modify(values: ReadonlyMap<string, string>): boolean {
    const admin = this.layers.find((layer) => layer.kind === "admin");
    if (admin === undefined) return false;
    for (const [key, value] of values) {
      if (value === "") admin.values.delete(key);
      else admin.values.set(key, value);
      this.onChange(key, this.finalValue(key));
    }
    return true;
  }
}

/** The flat keys of a static layer: `{a: {b: 1}}` and `{"a.b": 1}` are the same, as in Envoy. */
export function flatten(value: unknown, prefix = "", into: Map<string, string> = new Map()): Map<string, string> {
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !("numerator" in value)) {
    for (const [key, child] of Object.entries(value)) flatten(child, prefix === "" ? key : `${prefix}.${key}`, into);
  } else if (prefix !== "") {
    into.set(prefix, typeof value === "string" ? value : JSON.stringify(value));
  }
  return into;
}
