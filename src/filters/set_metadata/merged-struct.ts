/** A Struct with another's fields put into it: structs field by field, lists one behind the other, all else is the other's. Envoy: StructUtil::update. */
export function mergedStruct(into: Struct, added: Struct): Struct {
  const result: Struct = { ...into };
  for (const [key, value] of Object.entries(added)) {
    result[key] = Object.hasOwn(into, key) ? mergedValue(into[key], value) : value;
  }
  return result;
}

function mergedValue(into: unknown, added: unknown): unknown {
  if (Array.isArray(added)) return Array.isArray(into) ? [...(into as unknown[]), ...(added as unknown[])] : added;
  return isStruct(into) && isStruct(added) ? mergedStruct(into, added) : added;
}

function isStruct(value: unknown): value is Struct {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

type Struct = Record<string, unknown>;
