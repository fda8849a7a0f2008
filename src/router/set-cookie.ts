import { wire } from "./text.ts";

/** A cookie that the proxy makes. */
export interface CookieSpec {
  name: string;
  /** "" for none. */
  path: string;
  /** The value is "" for those that have none. */
  attributes: { name: string; value: string }[];
}

/** The value of a Set-Cookie field, as wire text; `seconds` 0: for the session. Envoy: Http::Utility::makeSetCookieValue. */
export function setCookie({ name, path, attributes }: CookieSpec, value: string, seconds: number): string {
  const age = seconds === 0 ? "" : `; Max-Age=${seconds}`;
  const place = path === "" ? "" : `; Path=${path}`;
  const more = attributes.map((one) => (one.value === "" ? `; ${one.name}` : `; ${one.name}=${one.value}`));
  return wire(`${name}="${value}"${age}${place}${more.join("")}; HttpOnly`);
}
