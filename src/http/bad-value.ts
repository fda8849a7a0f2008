import type { RequestHead } from "./header-block.ts";

/**
 * The name of a field, or ":path" or ":authority", whose value has bytes that no field value may have (RFC 9110 section 5.5); null where all
 * are fine. What a codec read is fine; what filters and format strings made of it may not be. Envoy: HeaderUtility::checkValidRequestHeaders.
 */
export function badValueName(head: RequestHead): string | null {
  if (bad.test(head.path)) return ":path";
  if (bad.test(head.authority)) return ":authority";
  for (let i = 0; i < head.size; i++) if (bad.test(head.values[i] as string)) return head.names[i] as string;
  return null;
}

const bad = /[\0-\x08\x0a-\x1f\x7f]/;
