type Json = Record<string, unknown>;

/** The paths of a FieldMask written as text, "a.b,c", each split at its dots. */
export function parseMask(mask: string): string[][] {
  return mask
    .split(",")
    .filter((path) => path !== "")
    .map((path) => path.split("."));
}

/**
 * Only the fields that the paths name; everything when there are none. Works on proto JSON, so that a path goes through an
 * Any as well, as Envoy's does, and keeps its "@type". A repeated field can only end a path (google.protobuf.FieldMask).
 */
export function applyMask(message: Json, paths: readonly (readonly string[])[]): Json {
  if (paths.length === 0) return message;
  const out: Json = {};
  for (const [name, value] of Object.entries(message)) {
    const inner = paths.filter((path) => path[0] === name).map((path) => path.slice(1));
    if (name === "@type") out[name] = value;
    else if (inner.length === 0) continue;
    else if (inner.some((path) => path.length === 0)) out[name] = value;
    else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      out[name] = applyMask(value as Json, inner);
    }
  }
  return out;
}

/** A mask as the protobuf library prints it in Envoy's error. */
export function maskText(mask: string): string {
  const lines = parseMask(mask).map((path) => `paths: "${path.join(".")}"\n`);
  return `goo.gle/debugstr  \n${lines.join("")}`;
}
