import type { StringConditionSpec, ValueConditionSpec } from "./access-log-spec.ts";

/** Makes the matcher of a string condition: the router has it. */
export type MakeStringMatcher = (spec: StringConditionSpec) => { matches(text: string): boolean };

/** envoy.type.matcher.v3.ValueMatcher, live: decides on a value of metadata; undefined where there is none. */
export function valueCondition(
  spec: ValueConditionSpec,
  stringMatcher: MakeStringMatcher,
): (value: unknown) => boolean {
  switch (spec.kind) {
    case "null":
      return (value) => value === null;
    case "bool":
      return (value) => value === spec.value;
    case "present":
      return (value) => spec.value && value !== undefined;
    case "number":
      return (value) => {
        if (typeof value !== "number") return false;
        return spec.end === spec.start ? value === spec.start : value >= spec.start && value < spec.end;
      };
    case "string": {
      const matcher = stringMatcher(spec.string);
      return (value) => typeof value === "string" && matcher.matches(value);
    }
    case "list": {
      const matches = valueCondition(spec.value, stringMatcher);
      return (value) => Array.isArray(value) && value.some(matches);
    }
    case "or": {
      const conditions = spec.values.map((condition) => valueCondition(condition, stringMatcher));
      return (value) => conditions.some((matches) => matches(value));
    }
  }
}
