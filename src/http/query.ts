import { percentDecode } from "./percent-decode.ts";

/** What stands behind the "?" of a path; "" where there is none. */
export function queryOf(path: string): string {
  const at = path.indexOf("?");
  return at < 0 ? "" : path.slice(at + 1);
}

/** The first parameter of a name, both decoded: "" without "=", null where there is none. `name` in wire text. */
export function decodedParam(path: string, name: string): string | null {
  for (const pair of queryOf(path).split("&")) {
    const equals = pair.indexOf("=");
    if (percentDecode(equals < 0 ? pair : pair.slice(0, equals)) === name) {
      return equals < 0 ? "" : percentDecode(pair.slice(equals + 1));
    }
  }
  return null;
}
