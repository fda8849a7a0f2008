import { isIP } from "node:net";
import type { Check } from "./rules.ts";

/** The kinds of text that `validate.rules` knows by name. */
export type WellKnownString = "email" | "hostname" | "ip" | "ipv4" | "ipv6" | "uri" | "uriRef" | "address" | "uuid";

/** The check for a kind of text. */
export function wellKnownStringRule(kind: WellKnownString): Check {
  const [test, noun] = kinds[kind];
  return (value) => (test(String(value)) ? null : `value must be a valid ${noun}`);
}

function isHostname(text: string): boolean {
  return text.length <= 253 && hostname.test(text);
}

function isUri(text: string): boolean {
  return URL.canParse(text);
}

const hostname = /^(?!-)[0-9A-Za-z-]{1,63}(?<!-)(\.(?!-)[0-9A-Za-z-]{1,63}(?<!-))*\.?$/;
const kinds: Record<WellKnownString, [test: (text: string) => boolean, noun: string]> = {
  email: [(text) => /^[^\s@<>]+@[^\s@<>]+$/.test(text), "email address"],
  hostname: [isHostname, "hostname"],
  ip: [(text) => isIP(text) !== 0, "IP address"],
  ipv4: [(text) => isIP(text) === 4, "IPv4 address"],
  ipv6: [(text) => isIP(text) === 6, "IPv6 address"],
  uri: [isUri, "absolute URI"],
  uriRef: [(text) => isUri(text) || !/[\s<>]/.test(text), "URI"],
  address: [(text) => isHostname(text) || isIP(text) !== 0, "hostname or IP address"],
  uuid: [(text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text), "UUID"],
};
