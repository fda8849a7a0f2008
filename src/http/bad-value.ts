import type { RequestHead } from "./header-block.ts";
import { knownNames } from "./names.ts";

/**
 * The name of a field, or ":path" or ":authority", whose value has bytes that no field value may have (RFC 9110 section 5.5); null where all
 * are fine. What a codec read is fine; what filters and format strings made of it may not be. Envoy: HeaderUtility::checkValidRequestHeaders.
 */
export function badValueName(head: RequestHead): string | null {
  const { path, authority, size, names, values, ids } = head;
  if (path !== goodPath) {
    if (bad.test(path)) return ":path";
    goodPath = path;
  }
  if (authority !== goodAuthority) {
    if (bad.test(authority)) return ":authority";
    goodAuthority = authority;
  }
  for (let i = 0; i < size; i++) {
    const value = values[i] as string;
    const id = ids[i] as number;
    if (id >= 0 && value === good[id]) continue;
    if (bad.test(value)) return names[i] as string;
    if (id >= 0) good[id] = value;
  }
  return null;
}

/** A value that is fine for sure, of a known field: the next look at it costs nothing. */
export function noteGoodValue(id: number, value: string): void {
  good[id] = value;
}

const bad = /[\0-\x08\x0a-\x1f\x7f]/;
/** The last values that were fine, of known fields by id: most come again (bench http2-to-http2). */
const good: string[] = knownNames.map(() => "");
let goodPath = "";
let goodAuthority = "";
